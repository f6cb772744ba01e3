// Files with anything wrong in them: an Error, never another exception, a crash or an allocation
// out of proportion. The mutations come from a fixed seed. Run it with
// -Db_sanitize=address,undefined to see reads beyond the bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <new>
#include <random>

#include "core/error.h"
#include "core/model/gguf.h"
#include "core/model/gguf_tokenizer.h"
#include "core/model/json_file.h"
#include "core/model/safetensors.h"
#include "tests/support/file_of.h"
#include "tests/support/gguf_builder.h"

namespace {
std::atomic<size_t> largest_allocation = 0;

void* allocate(size_t bytes) {
  size_t before = largest_allocation;
  while (bytes > before && !largest_allocation.compare_exchange_weak(before, bytes)) {
  }
  return std::malloc(std::max<size_t>(bytes, 1));
}
}  // namespace

// The whole program's, the library's included, so that its largest allocation is known. Out of
// line: inlined, GCC 12 takes their malloc() and free() for a mismatch.
[[gnu::noinline]] void* operator new(size_t bytes) {
  if (void* memory = allocate(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes);
}
[[gnu::noinline]] void* operator new[](size_t bytes) { return operator new(bytes); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace m3 {
namespace {

using Reader = std::function<void(const std::string& bytes)>;

// Keeps the compiler from leaving the reading of the bytes out.
unsigned touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
  return sum;
}
volatile unsigned touched = 0;

void read_safetensors(const std::string& bytes) {
  const Safetensors file = Safetensors::read(test::file_of(bytes));
  for (const auto& [name, tensor] : file.tensors()) {
    touched = touched + touch(tensor.bytes);
    std::vector<float> values(tensor.bytes.size() / size_of(tensor.dtype));
    if (tensor.dtype == DType::kF32 || tensor.dtype == DType::kF16) to_float(tensor, values);
  }
}

void read_gguf(const std::string& bytes) {
  const Gguf gguf = Gguf::read(test::file_of(bytes));
  for (const auto& [name, tensor] : gguf.tensors()) {
    touched = touched + touch(tensor.bytes);
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    dequantize(tensor, values);
  }
  make_tokenizer(gguf)->encode("hello hell<|end|> \xff");
}

void read_json(const std::string& bytes) {
  JsonObject object = JsonObject::parse(bytes, "made.json");
  object.integer("n", 0, 100);
  object.objects("os").at(0).texts("ts");
  object.check_all_read();
}

std::string safetensors_file() {
  const std::string header =
      R"({"__metadata__":{"k":"é"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"F16","shape":[3],"data_offsets":[16,22]},"c":{"dtype":"U8","shape":[0],"data_offsets":[22,22]}})";
  return test::GgufBuilder::raw<uint64_t>(header.size()) + header + std::string(22, '\x3c');
}

std::string gguf_file() {
  test::GgufBuilder builder;
  return test::add_tiny_tokenizer(builder)
      .u32("general.alignment", 32)
      .value("f", 6, test::GgufBuilder::raw(0.5F))
      .tensor("a", 0, {4, 2}, std::string(32, '\x3c'))
      .tensor("b", 2, {32}, std::string(18, '\x3c'))
      .tensor("c", 14, {256}, std::string(210, '\x3c'))
      .bytes();
}

std::string json_file() { return R"({"n":7,"os":[{"ts":["a","\u00e9"]}]})"; }

// Anything but success or an Error fails the test. Returns whether it was read.
bool read_or_refuse(const Reader& reader, const std::string& bytes, const std::string& what) {
  largest_allocation = 0;
  bool read = false;
  try {
    reader(bytes);
    read = true;
  } catch (const Error& error) {
    EXPECT_LT(std::string_view(error.what()).size(), 1000u) << what;
  } catch (const std::exception& exception) {
    ADD_FAILURE() << what << ": " << exception.what();
  }
  // A text of 8 bytes in the file (its length alone) becomes a std::string of 32, vectors double
  // when they grow.
  EXPECT_LT(largest_allocation, 64 * bytes.size() + 65536) << what;
  return read;
}

struct Format {
  const char* name;
  Reader read;
  std::string (*good)();
};

class MalformedFiles : public testing::TestWithParam<Format> {};

TEST_P(MalformedFiles, TheGoodFileIsRead) {
  EXPECT_TRUE(read_or_refuse(GetParam().read, GetParam().good(), "good"));
}

TEST_P(MalformedFiles, EveryTruncationIsRefused) {
  const std::string good = GetParam().good();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(
        read_or_refuse(GetParam().read, good.substr(0, size), "cut to " + std::to_string(size)));
  }
}

TEST_P(MalformedFiles, EveryFlippedBitIsReadOrRefused) {
  const std::string good = GetParam().good();
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    read_or_refuse(GetParam().read, bytes, "bit " + std::to_string(bit));
  }
}

TEST_P(MalformedFiles, RandomDamageIsReadOrRefused) {
  const std::string good = GetParam().good();
  std::mt19937 random(1);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  // Numbers that readers stumble over, as 8 bytes.
  const uint64_t numbers[] = {0,
                              1,
                              0x7f,
                              0xff,
                              0x7fffffff,
                              0xffffffff,
                              uint64_t{1} << 32,
                              uint64_t{1} << 61,
                              uint64_t{1} << 63,
                              INT64_MAX,
                              ~uint64_t{0}};
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = good;
    for (size_t change = below(4) + 1; change > 0 && !bytes.empty(); --change) {
      const size_t at = below(bytes.size());
      switch (below(6)) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, below(16) + 1);
          break;
        case 2:
          bytes.insert(at, bytes.substr(below(bytes.size()), below(64)));
          break;
        case 3:
          bytes.replace(at, 8, test::GgufBuilder::raw(numbers[below(std::size(numbers))]));
          break;
        case 4:
          bytes.insert(at, below(100), "[{\"\xff\x00"[below(5)]);
          break;
        case 5:
          bytes.resize(at);
          break;
      }
    }
    read_or_refuse(GetParam().read, bytes, "round " + std::to_string(round));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, MalformedFiles,
                         testing::Values(Format{"Safetensors", read_safetensors, safetensors_file},
                                         Format{"Gguf", read_gguf, gguf_file},
                                         Format{"Json", read_json, json_file}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace m3
