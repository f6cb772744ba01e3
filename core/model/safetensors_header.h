// The JSON header of a safetensors file, read without building a document: a header is refused at
// the first thing that does not belong there, and nothing is kept but the tensors' entries.
// Threads: a function and values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace m3 {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as written
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // bytes behind the header
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the header's order
  std::map<std::string, std::string> metadata;
};

// Checks the form only: names stand once, each entry has dtype, shape and data_offsets with whole
// numbers from 0 on. Throws kCorrupt; `path` is named in the error.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& path);

}  // namespace m3
