// Gguf: reads GGUF version 2 and 3: metadata and tensors, quantised ones included. The reader
// trusts nothing: lengths, counts and offsets are checked against the file before anything is
// allocated or handed out. Threads: immutable after open; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/export.h"
#include "core/model/mapped_file.h"

namespace m3 {

enum class GgufType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kBf16 = 30,
};

struct M3_API GgufTensor {
  GgufType type = GgufType::kF32;
  std::vector<int64_t> shape;  // torch's order: slowest first; every size at least 1
  std::span<const std::byte> bytes;

  int64_t elements() const noexcept;
};

using GgufValue = std::variant<bool, uint64_t, int64_t, double, std::string, std::vector<uint64_t>,
                               std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

class M3_API Gguf {
 public:
  // Throws kNotFound, kCorrupt, kUnsupported.
  static Gguf open(const std::string& path);
  static Gguf read(std::shared_ptr<const MappedFile> file);  // the same from bytes at hand

  const std::string& path() const noexcept { return file_->path(); }
  std::shared_ptr<const MappedFile> file() const noexcept { return file_; }
  const std::map<std::string, GgufTensor, std::less<>>& tensors() const noexcept {
    return tensors_;
  }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const noexcept {
    return metadata_;
  }

  // Throw kCorrupt when the key or tensor is missing or of another type. Integers of either sign
  // convert when they fit.
  const GgufTensor& tensor(std::string_view name) const;
  std::string text(std::string_view key) const;
  int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  const std::vector<std::string>& texts(std::string_view key) const;
  std::vector<int64_t> integers(std::string_view key) const;
  bool contains(std::string_view key) const { return metadata_.find(key) != metadata_.end(); }

 private:
  const GgufValue& value(std::string_view key) const;
  [[noreturn]] void wrong_type(std::string_view key, const char* expected) const;

  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, GgufTensor, std::less<>> tensors_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
};

// Expands to float32, out.size() == elements(). Block layouts: ggml's quants; bit-equal to its
// reference dequantisation.
M3_API void dequantize(const GgufTensor& tensor, std::span<float> out);

}  // namespace m3
