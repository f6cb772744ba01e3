#include "core/model/json_file.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/model/in_quotes.h"
#include "core/model/mapped_file.h"
#include "core/model/utf8.h"

namespace m3 {
namespace {

constexpr int kMostDepth = 64;

// What stands at a place, short enough for one line.
std::string shown(const nlohmann::json& value) {
  if (value.is_structured()) return value.is_object() ? "an object" : "an array";
  return value.is_string() ? in_quotes(value.get_ref<const std::string&>()) : value.dump();
}

// The parser's words without its own name in front; they may quote bytes that are not UTF-8.
std::string reason(const nlohmann::json::exception& error) {
  const std::string text = to_valid_utf8(error.what());
  return text.substr(text.find("] ") == std::string::npos ? 0 : text.find("] ") + 2);
}

std::string number_text(double value) {
  std::string text = nlohmann::json(value).dump();
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

JsonObject JsonObject::read(const std::string& path, size_t most_bytes) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, most_bytes);
}

JsonObject JsonObject::parse(std::string_view text, const std::string& path, size_t most_bytes) {
  if (text.size() > most_bytes) {
    throw Error(ErrorCode::kCorrupt, path + ": a JSON file of over " +
                                         std::to_string(most_bytes >> 20) + " MiB is not read");
  }
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kMostDepth) throw Error(ErrorCode::kCorrupt, path + ": JSON nested too deeply");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw Error(ErrorCode::kCorrupt,
                  path + ": the key " + shown(parsed) + " stands twice in one object");
    }
    return true;
  };
  try {
    auto root = std::make_shared<const nlohmann::json>(nlohmann::json::parse(text, check));
    if (!root->is_object()) throw Error(ErrorCode::kCorrupt, path + ": holds no JSON object");
    const nlohmann::json* value = root.get();
    return JsonObject(std::move(root), value, path, "");
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kCorrupt, path + ": is not valid JSON: " + reason(error));
  }
}

JsonObject::JsonObject(std::shared_ptr<const nlohmann::json> root, const nlohmann::json* value,
                       std::string path, std::string prefix)
    : root_(std::move(root)), value_(value), path_(std::move(path)), prefix_(std::move(prefix)) {}

bool JsonObject::contains(std::string_view key) const { return value_->find(key) != value_->end(); }

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : value_->items()) keys.push_back(key);
  return keys;
}

bool JsonObject::has_value(std::string_view key) const {
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

bool JsonObject::is_array(std::string_view key) const {
  const auto found = value_->find(key);
  return found != value_->end() && found->is_array();
}

bool JsonObject::is_object(std::string_view key) const {
  const auto found = value_->find(key);
  return found != value_->end() && found->is_object();
}

bool JsonObject::is_text(std::string_view key) const {
  const auto found = value_->find(key);
  return found != value_->end() && found->is_string();
}

void JsonObject::fail(std::string_view key, const std::string& what) const {
  throw Error(ErrorCode::kCorrupt,
              path_ + ": " + in_quotes(prefix_ + std::string(key)) + " " + what);
}

const nlohmann::json& JsonObject::value(std::string_view key, const char* expected) {
  const auto found = value_->find(key);
  if (found == value_->end()) fail(key, std::string("is missing; it must be ") + expected);
  read_.emplace(key);
  return *found;
}

int64_t JsonObject::integer(std::string_view key, int64_t least, int64_t most) {
  const auto& at = value(key, "a whole number");
  // An unsigned value beyond int64_t must not wrap round into the range.
  const bool whole =
      at.is_number_integer() &&
      (!at.is_number_unsigned() || at.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (!whole || at.get<int64_t>() < least || at.get<int64_t>() > most) {
    fail(key, "must be a whole number from " + std::to_string(least) + " to " +
                  std::to_string(most) + ", it is " + shown(at));
  }
  return at.get<int64_t>();
}

double JsonObject::number(std::string_view key, double least, double most) {
  const auto& at = value(key, "a number");
  if (!at.is_number() || !(at.get<double>() >= least && at.get<double>() <= most)) {
    fail(key, "must be a number from " + number_text(least) + " to " + number_text(most) +
                  ", it is " + shown(at));
  }
  return at.get<double>();
}

bool JsonObject::boolean(std::string_view key) {
  const auto& at = value(key, "true or false");
  if (!at.is_boolean()) fail(key, "must be true or false, it is " + shown(at));
  return at.get<bool>();
}

std::string JsonObject::text(std::string_view key) {
  const auto& at = value(key, "a text");
  if (!at.is_string()) fail(key, "must be a text, it is " + shown(at));
  return at.get<std::string>();
}

std::string JsonObject::file_name(std::string_view key) {
  std::string name = text(key);
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
  if (!plain) fail(key, "must be a plain file name without a folder, it is " + shown(name));
  return name;
}

std::vector<int64_t> JsonObject::integers(std::string_view key, int64_t least, int64_t most) {
  const auto& at = value(key, "an array of whole numbers");
  if (!at.is_array()) fail(key, "must be an array of whole numbers, it is " + shown(at));
  std::vector<int64_t> numbers;
  for (const auto& item : at) {
    const bool whole =
        item.is_number_integer() &&
        (!item.is_number_unsigned() || item.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
    if (!whole || item.get<int64_t>() < least || item.get<int64_t>() > most) {
      fail(key, "must hold whole numbers from " + std::to_string(least) + " to " +
                    std::to_string(most) + ", one is " + shown(item));
    }
    numbers.push_back(item.get<int64_t>());
  }
  return numbers;
}

std::vector<double> JsonObject::numbers(std::string_view key, double least, double most) {
  const auto& at = value(key, "an array of numbers");
  if (!at.is_array()) fail(key, "must be an array of numbers, it is " + shown(at));
  std::vector<double> numbers;
  for (const auto& item : at) {
    if (!item.is_number() || !(item.get<double>() >= least && item.get<double>() <= most)) {
      fail(key, "must hold numbers from " + number_text(least) + " to " + number_text(most) +
                    ", one is " + shown(item));
    }
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::vector<std::string> JsonObject::texts(std::string_view key) {
  const auto& at = value(key, "an array of texts");
  if (!at.is_array()) fail(key, "must be an array of texts, it is " + shown(at));
  std::vector<std::string> texts;
  for (const auto& item : at) {
    if (!item.is_string()) fail(key, "must hold texts only, one is " + shown(item));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> JsonObject::pairs(std::string_view key) {
  const auto& at = value(key, "an array of pairs");
  if (!at.is_array()) fail(key, "must be an array of pairs, it is " + shown(at));
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& item : at) {
    if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      pairs.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
      continue;
    }
    const std::string text = item.is_string() ? item.get<std::string>() : "";
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      fail(key, "must hold pairs of texts only, one is " + shown(item));
    pairs.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return pairs;
}

JsonObject JsonObject::object(std::string_view key) {
  const auto& at = value(key, "an object");
  if (!at.is_object()) fail(key, "must be an object, it is " + shown(at));
  return JsonObject(root_, &at, path_, prefix_ + std::string(key) + ".");
}

std::vector<JsonObject> JsonObject::objects(std::string_view key) {
  const auto& at = value(key, "an array of objects");
  if (!at.is_array()) fail(key, "must be an array of objects, it is " + shown(at));
  std::vector<JsonObject> objects;
  for (const auto& item : at) {
    const std::string place = std::string(key) + "[" + std::to_string(objects.size()) + "]";
    if (!item.is_object()) fail(place, "must be an object, it is " + shown(item));
    objects.push_back(JsonObject(root_, &item, path_, prefix_ + place + "."));
  }
  return objects;
}

void JsonObject::ignore(std::string_view key) { read_.emplace(key); }

void JsonObject::check_all_read() const {
  for (const auto& [key, unused] : value_->items()) {
    if (!read_.contains(key))
      fail(key, "is not a key that is known here; docs/model-format.md lists them");
  }
}

}  // namespace m3
