// Reads files of JSON Lines that people write: every fault names the file and the line.
// Threads: free functions.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace m3::tools {

using Json = nlohmann::json;

// What is wrong with a line; the reader adds file and number.
struct LineFault {
  std::string text;
};

// The text under `key`; empty: not there or null. Throws LineFault when it is something else.
std::string text_of(const Json& object, const char* key);

// The list under `key`, or of texts; empty: not there or null. Throw LineFault likewise.
const Json& list_of(const Json& object, const char* key);
std::vector<std::string> texts_of(const Json& object, const char* key);

// Calls `take` with each line's object and its number from 0; it may throw LineFault. Empty lines
// are passed over, but counted. Throws kNotFound, and kCorrupt naming file and line (from 1).
void read_json_lines(const std::string& path,
                     const std::function<void(const Json& object, int number)>& take);

}  // namespace m3::tools
