// MappedFile: a file's bytes, read-only, mapped for as long as someone holds it.
// Threads: immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/export.h"

namespace m3 {

class M3_API MappedFile {
 public:
  // Throws kNotFound when it cannot be opened, kCorrupt when it is empty or no regular file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  // The same over a copy of `bytes`, for readers that are given bytes and no file; `path` is named
  // in errors.
  static std::shared_ptr<const MappedFile> copy_of(std::span<const std::byte> bytes,
                                                   std::string path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::string& path() const noexcept { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size);
  std::string path_;
  const std::byte* data_;
  size_t size_;
  std::unique_ptr<std::byte[]> copy_;  // none: data_ is mapped
};

}  // namespace m3
