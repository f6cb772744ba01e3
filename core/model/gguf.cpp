#include "core/model/gguf.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "core/model/float_bits.h"
#include "core/model/gguf_blocks.h"
#include "core/model/in_quotes.h"
#include "core/model/utf8.h"

namespace m3 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian; so are the hosts we run on");

constexpr uint32_t kMostDimensions = 4;  // as ggml has it
constexpr uint64_t kDefaultAlignment = 32;

enum class ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

// Takes values off the front of the file; every length is checked against what is left.
class Cursor {
 public:
  Cursor(const std::string& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  template <typename T>
  T take() {
    need(sizeof(T));
    const T value = load<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  std::string take_text() {
    const auto length = take<uint64_t>();
    need(length);
    std::string text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
    if (!is_valid_utf8(text)) fail("a text that is not UTF-8");
    at_ += length;
    return text;
  }

  // A count of things that take at least `bytes_each`.
  uint64_t take_count(uint64_t bytes_each, const char* what) {
    const auto count = take<uint64_t>();
    if (count > left() / bytes_each)
      fail(std::to_string(count) + " " + what + " cannot be in the file");
    return count;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt,
                path_ + ": GGUF: at byte " + std::to_string(at_) + ": " + what);
  }

 private:
  void need(uint64_t bytes) const {
    if (bytes > left())
      fail("cut off, " + std::to_string(bytes) + " bytes are needed and " + std::to_string(left()) +
           " left");
  }

  const std::string& path_;
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

bool take_bool(Cursor& cursor) {
  const auto byte = cursor.take<uint8_t>();
  if (byte > 1) cursor.fail("a truth value that is neither 0 nor 1");
  return byte == 1;
}

// Wide is what such values are kept as, Narrow how they are written.
template <typename Wide, typename Narrow>
std::vector<Wide> take_numbers(Cursor& cursor) {
  std::vector<Wide> values(cursor.take_count(sizeof(Narrow), "array values"));
  for (Wide& value : values) value = Wide{cursor.take<Narrow>()};
  return values;
}

GgufValue take_array(Cursor& cursor) {
  const auto type = cursor.take<uint32_t>();
  switch (static_cast<ValueType>(type)) {
    case ValueType::kU8:
      return take_numbers<uint64_t, uint8_t>(cursor);
    case ValueType::kU16:
      return take_numbers<uint64_t, uint16_t>(cursor);
    case ValueType::kU32:
      return take_numbers<uint64_t, uint32_t>(cursor);
    case ValueType::kU64:
      return take_numbers<uint64_t, uint64_t>(cursor);
    case ValueType::kI8:
      return take_numbers<int64_t, int8_t>(cursor);
    case ValueType::kI16:
      return take_numbers<int64_t, int16_t>(cursor);
    case ValueType::kI32:
      return take_numbers<int64_t, int32_t>(cursor);
    case ValueType::kI64:
      return take_numbers<int64_t, int64_t>(cursor);
    case ValueType::kF32:
      return take_numbers<double, float>(cursor);
    case ValueType::kF64:
      return take_numbers<double, double>(cursor);
    case ValueType::kBool: {
      std::vector<uint64_t> values(cursor.take_count(1, "array values"));
      for (uint64_t& value : values) value = take_bool(cursor);
      return values;
    }
    case ValueType::kString: {
      const uint64_t count = cursor.take_count(sizeof(uint64_t), "texts");
      std::vector<std::string> texts;
      texts.reserve(count);
      for (uint64_t i = 0; i < count; ++i) texts.push_back(cursor.take_text());
      return texts;
    }
    case ValueType::kArray:
      break;  // no model uses arrays of arrays
  }
  cursor.fail("an array of values of type " + std::to_string(type) + ", which is not read here");
}

GgufValue take_value(Cursor& cursor) {
  const auto type = cursor.take<uint32_t>();
  switch (static_cast<ValueType>(type)) {
    case ValueType::kU8:
      return uint64_t{cursor.take<uint8_t>()};
    case ValueType::kU16:
      return uint64_t{cursor.take<uint16_t>()};
    case ValueType::kU32:
      return uint64_t{cursor.take<uint32_t>()};
    case ValueType::kU64:
      return cursor.take<uint64_t>();
    case ValueType::kI8:
      return int64_t{cursor.take<int8_t>()};
    case ValueType::kI16:
      return int64_t{cursor.take<int16_t>()};
    case ValueType::kI32:
      return int64_t{cursor.take<int32_t>()};
    case ValueType::kI64:
      return cursor.take<int64_t>();
    case ValueType::kF32:
      return double{cursor.take<float>()};
    case ValueType::kF64:
      return cursor.take<double>();
    case ValueType::kBool:
      return take_bool(cursor);
    case ValueType::kString:
      return cursor.take_text();
    case ValueType::kArray:
      return take_array(cursor);
  }
  cursor.fail("a value of unknown type " + std::to_string(type));
}

struct TensorPlace {
  std::string name;
  GgufTensor tensor;   // without its bytes
  uint64_t begin = 0;  // from the start of the data
  uint64_t bytes = 0;
};

TensorPlace take_tensor(Cursor& cursor, const std::string& path) {
  TensorPlace place;
  place.name = cursor.take_text();
  const auto dimensions = cursor.take<uint32_t>();
  if (dimensions > kMostDimensions)
    cursor.fail("tensor " + in_quotes(place.name) + " has too many dimensions");
  uint64_t elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto size = cursor.take<uint64_t>();
    if (size == 0 || __builtin_mul_overflow(elements, size, &elements) ||
        elements > static_cast<uint64_t>(INT64_MAX)) {
      cursor.fail("tensor " + in_quotes(place.name) + " has an impossible size");
    }
    place.tensor.shape.push_back(static_cast<int64_t>(size));
  }
  const uint64_t row = dimensions == 0 ? 1 : static_cast<uint64_t>(place.tensor.shape.front());
  std::reverse(place.tensor.shape.begin(), place.tensor.shape.end());

  const auto type = cursor.take<uint32_t>();
  const GgufBlock* block = find_gguf_block(type);
  if (block == nullptr) {
    throw Error(ErrorCode::kUnsupported, path + ": tensor " + in_quotes(place.name) +
                                             " has the type " + std::to_string(type) +
                                             ", which is not read here");
  }
  if (row % block->elements != 0) {
    cursor.fail("tensor " + in_quotes(place.name) + " has rows that are not whole blocks of " +
                block->name);
  }
  place.tensor.type = block->type;
  if (__builtin_mul_overflow(elements / block->elements, block->bytes, &place.bytes)) {
    cursor.fail("tensor " + in_quotes(place.name) + " has an impossible size");
  }
  place.begin = cursor.take<uint64_t>();
  return place;
}

uint64_t alignment_of(const std::map<std::string, GgufValue, std::less<>>& metadata,
                      const Cursor& cursor) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return kDefaultAlignment;
  const uint64_t* value = std::get_if<uint64_t>(&found->second);
  if (value == nullptr || !std::has_single_bit(*value) || *value > (1u << 20)) {
    cursor.fail("general.alignment must be a power of two up to 1 MiB");
  }
  return *value;
}

}  // namespace

int64_t GgufTensor::elements() const noexcept {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

Gguf Gguf::open(const std::string& path) { return read(MappedFile::open(path)); }

Gguf Gguf::read(std::shared_ptr<const MappedFile> mapped) {
  Gguf result;
  result.file_ = std::move(mapped);
  const std::string& path = result.path();
  Cursor cursor(path, result.file_->bytes());
  if (cursor.left() < 4 || cursor.take<uint32_t>() != 0x46554747) cursor.fail("no GGUF file");
  const auto version = cursor.take<uint32_t>();
  if (version != 2 && version != 3) {
    throw Error(ErrorCode::kUnsupported,
                path + ": GGUF version " + std::to_string(version) + "; versions 2 and 3 are read");
  }
  const uint64_t tensors = cursor.take_count(sizeof(uint64_t) * 3, "tensors");
  const uint64_t values = cursor.take_count(sizeof(uint64_t) + sizeof(uint32_t), "metadata values");
  for (uint64_t i = 0; i < values; ++i) {
    std::string key = cursor.take_text();
    if (result.metadata_.contains(key)) cursor.fail("the key " + in_quotes(key) + " stands twice");
    GgufValue value = take_value(cursor);
    result.metadata_.emplace(std::move(key), std::move(value));
  }
  if (result.contains("split.count") && result.integer("split.count") > 1) {
    throw Error(ErrorCode::kUnsupported,
                path + ": is one part of a GGUF that was split into " +
                    std::to_string(result.integer("split.count")) +
                    " files; join them with llama.cpp's gguf-split --merge");
  }
  std::vector<TensorPlace> places;
  // No room is made by what a file claims.
  std::generate_n(std::back_inserter(places), tensors, [&] { return take_tensor(cursor, path); });

  const uint64_t alignment = alignment_of(result.metadata_, cursor);
  const std::span<const std::byte> file = result.file_->bytes();
  const size_t data_begin =
      std::min<size_t>((cursor.at() + alignment - 1) / alignment * alignment, file.size());
  const std::span<const std::byte> data = file.subspan(data_begin);

  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  uint64_t used = 0;
  for (TensorPlace& place : places) {
    if (place.begin % alignment != 0)
      cursor.fail("tensor " + in_quotes(place.name) + " is not aligned");
    if (place.begin > data.size() || place.bytes > data.size() - place.begin) {
      cursor.fail("cut off: tensor " + in_quotes(place.name) + " lies beyond the end of the file");
    }
    if (place.begin < used) cursor.fail("tensor " + in_quotes(place.name) + " overlaps another");
    used = place.begin + place.bytes;
    place.tensor.bytes = data.subspan(place.begin, place.bytes);
    if (!result.tensors_.emplace(place.name, std::move(place.tensor)).second) {
      cursor.fail("tensor " + in_quotes(place.name) + " stands twice");
    }
  }
  return result;
}

const GgufTensor& Gguf::tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw Error(ErrorCode::kCorrupt, path() + ": has no tensor " + in_quotes(name));
  return found->second;
}

const GgufValue& Gguf::value(std::string_view key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end())
    throw Error(ErrorCode::kCorrupt, path() + ": has no metadata " + in_quotes(key));
  return found->second;
}

void Gguf::wrong_type(std::string_view key, const char* expected) const {
  throw Error(ErrorCode::kCorrupt, path() + ": metadata " + in_quotes(key) + " is no " + expected);
}

std::string Gguf::text(std::string_view key) const {
  const auto* text = std::get_if<std::string>(&value(key));
  if (text == nullptr) wrong_type(key, "text");
  return *text;
}

int64_t Gguf::integer(std::string_view key) const {
  const GgufValue& found = value(key);
  if (const auto* number = std::get_if<int64_t>(&found)) return *number;
  const auto* number = std::get_if<uint64_t>(&found);
  if (number == nullptr || *number > static_cast<uint64_t>(INT64_MAX))
    wrong_type(key, "whole number");
  return static_cast<int64_t>(*number);
}

double Gguf::number(std::string_view key) const {
  const GgufValue& found = value(key);
  if (const auto* number = std::get_if<double>(&found)) return *number;
  if (const auto* number = std::get_if<int64_t>(&found)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<uint64_t>(&found)) return static_cast<double>(*number);
  wrong_type(key, "number");
}

const std::vector<std::string>& Gguf::texts(std::string_view key) const {
  const auto* texts = std::get_if<std::vector<std::string>>(&value(key));
  if (texts == nullptr) wrong_type(key, "array of texts");
  return *texts;
}

std::vector<int64_t> Gguf::integers(std::string_view key) const {
  const GgufValue& found = value(key);
  if (const auto* numbers = std::get_if<std::vector<int64_t>>(&found)) return *numbers;
  const auto* numbers = std::get_if<std::vector<uint64_t>>(&found);
  const auto fits = [](uint64_t number) { return number <= static_cast<uint64_t>(INT64_MAX); };
  if (numbers == nullptr || !std::all_of(numbers->begin(), numbers->end(), fits)) {
    wrong_type(key, "array of whole numbers");
  }
  return {numbers->begin(), numbers->end()};
}

}  // namespace m3
