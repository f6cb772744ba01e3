#include "core/model/safetensors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/model/float_bits.h"
#include "core/model/in_quotes.h"
#include "core/model/safetensors_header.h"

namespace m3 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian; so are the hosts we run on");

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // as the format's own reader has it
constexpr size_t kLengthBytes = 8;

struct DTypeFacts {
  DType dtype;
  const char* name;
  size_t bytes;
};
constexpr DTypeFacts kDTypes[] = {
    {DType::kF64, "F64", 8},   {DType::kF32, "F32", 4}, {DType::kF16, "F16", 2},
    {DType::kBf16, "BF16", 2}, {DType::kI64, "I64", 8}, {DType::kI32, "I32", 4},
    {DType::kI16, "I16", 2},   {DType::kI8, "I8", 1},   {DType::kU8, "U8", 1},
    {DType::kBool, "BOOL", 1},
};

const DTypeFacts& facts(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }

// Bytes of a tensor; none when they do not fit 64 bits. Sizes beside a 0 must fit too, so that
// nobody who multiplies them later in another order overflows.
std::optional<uint64_t> byte_count(const std::vector<int64_t>& shape, size_t width) {
  uint64_t bytes = width;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0 ||
        __builtin_mul_overflow(bytes, static_cast<uint64_t>(std::max<int64_t>(size, 1)), &bytes)) {
      return std::nullopt;
    }
    empty |= size == 0;
  }
  if (bytes > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return empty ? 0 : bytes;
}

// A file that appears under its name only when it is whole.
class NewFile {
 public:
  explicit NewFile(const std::string& path) : path_(path) {
    static std::atomic<unsigned> count = 0;
    temporary_ = path + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0)
      throw Error(ErrorCode::kNotFound, path_ + ": cannot be written: " + std::strerror(errno));
  }
  ~NewFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }

  void commit() {
    if (::fsync(descriptor_) != 0) fail();
    const int closed = ::close(std::exchange(descriptor_, -1));
    if (closed != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    temporary_.clear();
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kInternal, path_ + ": writing failed: " + std::strerror(errno));
  }

  const std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

std::string header_json(const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const auto bytes = byte_count(tensor.shape, size_of(tensor.dtype));
    if (tensor.name == "__metadata__" || header.contains(tensor.name)) {
      throw Error(ErrorCode::kInvalidArgument,
                  "a tensor cannot be written under the name " + in_quotes(tensor.name));
    }
    if (bytes != tensor.bytes.size()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "tensor " + in_quotes(tensor.name) + " has bytes that do not fit its shape");
    }
    header[tensor.name] = {{"dtype", to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  try {
    std::string json = header.dump();
    json.resize((json.size() + 7) / 8 * 8, ' ');  // the data behind it is aligned
    return json;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kInvalidArgument, "a tensor name or a metadata text is not UTF-8");
  }
}

template <typename From, typename Convert>
void widen(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = convert(load<From>(bytes.data() + i * sizeof(From)));
}

}  // namespace

size_t size_of(DType dtype) noexcept { return facts(dtype).bytes; }
const char* to_string(DType dtype) noexcept { return facts(dtype).name; }

Safetensors Safetensors::open(const std::string& path) { return read(MappedFile::open(path)); }

Safetensors Safetensors::read(std::shared_ptr<const MappedFile> mapped) {
  Safetensors result;
  result.file_ = std::move(mapped);
  const std::string& path = result.path();
  const std::span<const std::byte> bytes = result.file_->bytes();
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kCorrupt, path + ": " + what);
  };

  if (bytes.size() < kLengthBytes) fail("too short for a safetensors file");
  const auto header_bytes = load<uint64_t>(bytes.data());
  if (header_bytes > std::min<uint64_t>(kMostHeaderBytes, bytes.size() - kLengthBytes)) {
    fail("no safetensors file, or cut off: its header would have " + std::to_string(header_bytes) +
         " bytes");
  }
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
                              header_bytes);
  SafetensorsHeader header = parse_safetensors_header(json, path);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header_bytes);

  std::sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t at =
      0;  // tensors lie one behind the other without gap, so that nothing overlaps or hides
  for (SafetensorsEntry& entry : header.entries) {
    const auto type =
        std::find_if(std::begin(kDTypes), std::end(kDTypes),
                     [&](const DTypeFacts& facts) { return entry.dtype == facts.name; });
    if (type == std::end(kDTypes)) {
      throw Error(ErrorCode::kUnsupported, path + ": tensor " + in_quotes(entry.name) +
                                               " has the type " + in_quotes(entry.dtype) +
                                               ", which is not read here");
    }
    if (entry.begin != at || entry.end < entry.begin) {
      fail("tensor " + in_quotes(entry.name) + " does not begin where the one before it ends");
    }
    if (entry.end > data.size())
      fail("cut off: tensor " + in_quotes(entry.name) + " lies beyond the end of the file");
    if (byte_count(entry.shape, type->bytes) != entry.end - entry.begin) {
      fail("tensor " + in_quotes(entry.name) + " has " + std::to_string(entry.end - entry.begin) +
           " bytes, which do not fit its type and shape");
    }
    result.tensors_.emplace(std::move(entry.name), TensorView{type->dtype, std::move(entry.shape),
                                                              data.subspan(at, entry.end - at)});
    at = entry.end;
  }
  if (at != data.size())
    fail(std::to_string(data.size() - at) + " bytes behind the last tensor belong to nothing");
  result.metadata_ = std::move(header.metadata);
  return result;
}

const TensorView& Safetensors::at(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw Error(ErrorCode::kCorrupt, path() + ": has no tensor " + in_quotes(name));
  return found->second;
}

void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string json = header_json(tensors, metadata);
  const uint64_t header_bytes = json.size();
  NewFile file(path);
  file.write(std::as_bytes(std::span(&header_bytes, 1)));
  file.write(std::as_bytes(std::span(json)));
  for (const TensorToWrite& tensor : tensors) file.write(tensor.bytes);
  file.commit();
}

void to_float(const TensorView& tensor, std::span<float> out) {
  if (tensor.bytes.size() != out.size() * size_of(tensor.dtype)) {
    throw Error(ErrorCode::kInvalidArgument,
                "room for " + std::to_string(out.size()) + " values does not fit the tensor");
  }
  switch (tensor.dtype) {
    case DType::kF64:
      return widen<double>(tensor.bytes, out, [](double x) { return static_cast<float>(x); });
    case DType::kF32:
      return widen<float>(tensor.bytes, out, [](float x) { return x; });
    case DType::kF16:
      return widen<uint16_t>(tensor.bytes, out, float_from_f16);
    case DType::kBf16:
      return widen<uint16_t>(tensor.bytes, out, float_from_bf16);
    default:
      throw Error(ErrorCode::kUnsupported,
                  std::string("a tensor of type ") + to_string(tensor.dtype) + " holds no floats");
  }
}

}  // namespace m3
