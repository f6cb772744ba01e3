// file_of(): bytes as a file that was never on a disk.
// Threads: a free function.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/model/mapped_file.h"

namespace m3::test {

inline std::shared_ptr<const MappedFile> file_of(std::string_view bytes,
                                                 const std::string& name = "made.bin") {
  return MappedFile::copy_of(std::as_bytes(std::span(bytes)), name);
}

}  // namespace m3::test
