// JsonObject: reads a JSON file of ours strictly. Every value is asked for with its type and range,
// and every error names the file, the key and what is expected there. Keys that nobody asked for
// are errors too: a misspelt option must not pass for a default. Threads: a value over a shared,
// immutable document; one object is used from one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/export.h"

namespace m3 {

class M3_API JsonObject {
 public:
  static constexpr size_t kMostBytes = size_t{16} << 20;

  // The file's top-level object. Throws kNotFound; kCorrupt: no JSON object, a key that stands
  // twice, values nested more than 64 deep, bytes that are not UTF-8, a file over `most_bytes`.
  static JsonObject read(const std::string& path, size_t most_bytes = kMostBytes);
  // The same from a text; `path` is only named in errors.
  static JsonObject parse(std::string_view text, const std::string& path,
                          size_t most_bytes = kMostBytes);

  std::vector<std::string> keys() const;
  bool contains(std::string_view key) const;
  // Whether the key is there and not null: files of other people write null for "not set".
  bool has_value(std::string_view key) const;
  bool is_array(std::string_view key) const;
  bool is_object(std::string_view key) const;
  bool is_text(std::string_view key) const;

  // Each throws kCorrupt when the key is missing, of another type, or out of range; ranges include
  // both ends.
  int64_t integer(std::string_view key, int64_t least, int64_t most);
  double number(std::string_view key, double least, double most);
  bool boolean(std::string_view key);
  std::string text(std::string_view key);
  std::string file_name(std::string_view key);  // a plain name: no folder, not empty
  std::vector<int64_t> integers(std::string_view key, int64_t least, int64_t most);
  std::vector<double> numbers(std::string_view key, double least, double most);
  std::vector<std::string> texts(std::string_view key);
  // Each an array of two texts, or one text with a space between them.
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view key);
  JsonObject object(std::string_view key);
  std::vector<JsonObject> objects(std::string_view key);

  // Leaves a key unread on purpose.
  void ignore(std::string_view key);
  // Throws kCorrupt when there is a key that was not asked for. Call it last.
  void check_all_read() const;
  // Throws kCorrupt: "FILE: KEY WHAT".
  [[noreturn]] void fail(std::string_view key, const std::string& what) const;

 private:
  JsonObject(std::shared_ptr<const nlohmann::json> root, const nlohmann::json* value,
             std::string path, std::string prefix);
  const nlohmann::json& value(std::string_view key, const char* expected);

  std::shared_ptr<const nlohmann::json> root_;  // keeps value_ alive
  const nlohmann::json* value_;                 // an object
  std::string path_;
  std::string prefix_;  // keys that lead here, each with a dot behind it
  std::set<std::string, std::less<>> read_;
};

}  // namespace m3
