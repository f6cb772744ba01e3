// Safetensors: reads and writes the safetensors format. The reader trusts nothing: every offset,
// size and type is checked against the file before a tensor is handed out. Threads: immutable after
// open; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/export.h"
#include "core/model/mapped_file.h"

namespace m3 {

enum class DType { kF64, kF32, kF16, kBf16, kI64, kI32, kI16, kI8, kU8, kBool };
M3_API size_t size_of(DType dtype) noexcept;
M3_API const char* to_string(DType dtype) noexcept;  // safetensors' names: F32, BF16, ...

struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // row-major; may be unaligned
};

class M3_API Safetensors {
 public:
  // Throws kNotFound, kCorrupt (what is wrong and where), kUnsupported (a type we do not read).
  static Safetensors open(const std::string& path);
  static Safetensors read(std::shared_ptr<const MappedFile> file);  // the same from bytes at hand

  const std::string& path() const noexcept { return file_->path(); }
  const std::map<std::string, TensorView, std::less<>>& tensors() const noexcept {
    return tensors_;
  }
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  // Throws kCorrupt when there is no such tensor.
  const TensorView& at(std::string_view name) const;
  bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  std::shared_ptr<const MappedFile> file() const noexcept { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// Writes beside `path` and renames, so that a full disk leaves no half file. Throws kNotFound
// (folder), kInternal (write).
M3_API void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

// Widens F64, F32, F16 or BF16 to float32. out.size() must be the number of elements. Throws
// kUnsupported.
M3_API void to_float(const TensorView& tensor, std::span<float> out);

}  // namespace m3
