#include "core/model/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/model/in_quotes.h"

namespace m3 {
namespace {

constexpr size_t kMostDimensions = 16;
constexpr char kMetadata[] = "__metadata__";

// Follows the one form that a header can have:
// {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"KEY":
// "TEXT"}}
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}
  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(size_t) override {
    switch (place_) {
      case Place::kOutside:
        return go(Place::kTop);
      case Place::kEntryValue:
        return go(is_metadata_ ? Place::kMetadata : Place::kEntry);
      default:
        unexpected("an object");
    }
  }

  bool key(std::string& key) override {
    if (place_ == Place::kTop) {
      if (!names_.insert(key).second) fail(in_quotes(key) + " stands twice");
      is_metadata_ = key == kMetadata;
      if (!is_metadata_) header_.entries.push_back({.name = key});
      fields_ = {};
      return go(Place::kEntryValue);
    }
    if (place_ == Place::kMetadata) {
      if (header_.metadata.contains(key)) fail(in_quotes(key) + " stands twice in __metadata__");
      metadata_key_ = key;
      return go(Place::kMetadataValue);
    }
    if (!fields_.insert(key).second)
      fail(in_quotes(entry().name) + " has " + in_quotes(key) + " twice");
    if (key == "dtype") return go(Place::kDType);
    if (key == "shape") return go(Place::kShapeValue);
    if (key == "data_offsets") return go(Place::kOffsetsValue);
    fail(in_quotes(entry().name) + " has " + in_quotes(key) + ", which is no part of the format");
  }

  bool string(std::string& text) override {
    if (place_ == Place::kDType) {
      entry().dtype = text;
      return go(Place::kEntry);
    }
    if (place_ == Place::kMetadataValue) {
      header_.metadata.emplace(metadata_key_, text);
      return go(Place::kMetadata);
    }
    unexpected("a text");
  }

  bool start_array(size_t) override {
    if (place_ == Place::kShapeValue) return go(Place::kShape);
    if (place_ == Place::kOffsetsValue) return go(Place::kOffsets);
    unexpected("an array");
  }

  bool number_unsigned(uint64_t number) override {
    if (place_ == Place::kShape) {
      if (number > static_cast<uint64_t>(INT64_MAX))
        fail(in_quotes(entry().name) + " has an impossible size");
      if (entry().shape.size() == kMostDimensions)
        fail(in_quotes(entry().name) + " has too many dimensions");
      entry().shape.push_back(static_cast<int64_t>(number));
      return true;
    }
    if (place_ == Place::kOffsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry().begin : entry().end) = number;
      return true;
    }
    unexpected("a number");
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && offsets_ != 2)
      fail(in_quotes(entry().name) + " needs two data_offsets");
    offsets_ = 0;
    return go(Place::kEntry);
  }

  bool end_object() override {
    if (place_ == Place::kEntry && fields_.size() != 3) {
      fail(in_quotes(entry().name) + " needs dtype, shape and data_offsets");
    }
    return go(place_ == Place::kTop ? Place::kOutside : Place::kTop);
  }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("true or false"); }
  bool number_integer(int64_t) override { unexpected("a negative number"); }
  bool number_float(double, const std::string&) override {
    unexpected("a number that is not whole or too large");
  }
  bool binary(nlohmann::json::binary_t&) override { unexpected("bytes"); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail("not valid JSON at byte " + std::to_string(position));
  }

 private:
  enum class Place {
    kOutside,
    kTop,
    kEntryValue,
    kEntry,
    kDType,
    kShapeValue,
    kShape,
    kOffsetsValue,
    kOffsets,
    kMetadata,
    kMetadataValue,
  };

  SafetensorsEntry& entry() { return header_.entries.back(); }
  bool go(Place place) {
    place_ = place;
    return true;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt, path_ + ": safetensors header: " + what);
  }
  [[noreturn]] void unexpected(const std::string& what) const {
    const bool inside = place_ != Place::kOutside && !header_.entries.empty() && !is_metadata_;
    fail(what + " where it does not belong" +
         (inside ? ", at " + in_quotes(header_.entries.back().name) : ""));
  }

  const std::string& path_;
  SafetensorsHeader header_;
  Place place_ = Place::kOutside;
  bool is_metadata_ = false;
  std::set<std::string> names_;
  std::set<std::string> fields_;  // of the entry that is open
  std::string metadata_key_;
  int offsets_ = 0;  // read of the pair that is open
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& path) {
  HeaderReader reader(path);
  nlohmann::json::sax_parse(json, &reader);
  return reader.take();
}

}  // namespace m3
