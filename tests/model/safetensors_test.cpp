#include "core/model/safetensors.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "tests/support/error_of.h"
#include "tests/support/file_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using test::error_of;
using test::file_of;

std::string file_bytes(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

Safetensors read(const std::string& header, const std::string& data = "") {
  return Safetensors::read(file_of(file_bytes(header, data)));
}

ErrorCode refusal(const std::string& header, const std::string& data = "") {
  return error_of([&] { read(header, data); }).code();
}

TEST(Safetensors, ReadsWhatItWrote) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/weights.safetensors";
  const std::vector<float> numbers = {1, -2.5F, 3, 4, 5, 6};
  const std::vector<int64_t> ids = {7, -8};
  write_safetensors(path,
                    {{"b", DType::kF32, {2, 3}, std::as_bytes(std::span(numbers))},
                     {"a", DType::kI64, {2}, std::as_bytes(std::span(ids))},
                     {"none", DType::kF32, {0, 3}, {}}},
                    {{"made by", "a test"}});

  const Safetensors file = Safetensors::open(path);
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.metadata().at("made by"), "a test");
  EXPECT_EQ(file.at("b").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file.at("none").bytes.size(), 0u);
  std::vector<float> back(6);
  to_float(file.at("b"), back);
  EXPECT_EQ(back, numbers);
  EXPECT_EQ(std::memcmp(file.at("a").bytes.data(), ids.data(), 16), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file.at("b").bytes.data()) % 8, 0u);
}

TEST(Safetensors, WritingLeavesNothingButTheFile) {
  const test::TemporaryFolder folder;
  write_safetensors(folder.path() + "/x.safetensors", {});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_EQ(Safetensors::open(folder.path() + "/x.safetensors").tensors().size(), 0u);
}

TEST(Safetensors, RefusesToWriteBytesThatDoNotFitTheShape) {
  const test::TemporaryFolder folder;
  const std::vector<float> numbers(3);
  const auto bytes = std::as_bytes(std::span(numbers));
  const std::string path = folder.path() + "/x";
  EXPECT_EQ(error_of([&] {
              write_safetensors(path, {{"x", DType::kF32, {4}, bytes}});
            }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      error_of([&] {
        write_safetensors(path, {{"x", DType::kF32, {3}, bytes}, {"x", DType::kF32, {3}, bytes}});
      }).code(),
      ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] {
              write_safetensors(path, {{"\xff", DType::kF32, {3}, bytes}});
            }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { write_safetensors(folder.path() + "/none/x", {}); }).code(),
            ErrorCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, ReadsAHeaderWithSpacesAndMetadata) {
  const Safetensors file = read(
      R"( {"__metadata__": {"a":"b"}, "x": {"shape":[2], "dtype":"U8", "data_offsets":[0,2]} }   )",
      "\x01\x02");
  EXPECT_EQ(file.metadata().at("a"), "b");
  EXPECT_EQ(file.at("x").dtype, DType::kU8);
  EXPECT_EQ(file.at("x").bytes[1], std::byte{2});
}

TEST(Safetensors, NamesTheTensorThatIsMissing) {
  const Error error = error_of([] { read("{}").at("proj.mean"); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_STREQ(error.what(), "made.bin: has no tensor \"proj.mean\"");
}

TEST(Safetensors, WidensHalvesExactly) {
  const auto value = [](DType dtype, uint16_t bits) {
    float out = 0;
    to_float({dtype, {1}, std::as_bytes(std::span(&bits, 1))}, std::span(&out, 1));
    return out;
  };
  EXPECT_EQ(value(DType::kF16, 0x3C00), 1.0F);
  EXPECT_EQ(value(DType::kF16, 0xC500), -5.0F);
  EXPECT_EQ(value(DType::kF16, 0x7BFF), 65504.0F);
  EXPECT_EQ(value(DType::kF16, 0x0400), 0x1p-14F);
  EXPECT_EQ(value(DType::kF16, 0x03FF), 1023 * 0x1p-24F);
  EXPECT_EQ(value(DType::kF16, 0x8001), -0x1p-24F);
  EXPECT_EQ(value(DType::kF16, 0x7C00), INFINITY);
  EXPECT_TRUE(std::signbit(value(DType::kF16, 0x8000)));
  EXPECT_TRUE(std::isnan(value(DType::kF16, 0x7E00)));
  EXPECT_EQ(value(DType::kBf16, 0x3F80), 1.0F);
  EXPECT_EQ(value(DType::kBf16, 0xC0A0), -5.0F);
  EXPECT_EQ(value(DType::kBf16, 0x0001), std::bit_cast<float>(0x10000));
}

TEST(Safetensors, DoesNotTakeWholeNumbersForFloats) {
  const std::vector<int32_t> numbers(2);
  std::vector<float> out(2);
  const TensorView view{DType::kI32, {2}, std::as_bytes(std::span(numbers))};
  EXPECT_EQ(error_of([&] { to_float(view, out); }).code(), ErrorCode::kUnsupported);
}

TEST(Safetensors, RefusesAHeaderThatDoesNotFitTheFile) {
  for (const uint64_t length : {uint64_t{3}, uint64_t{100}, uint64_t{100'000'001}, ~uint64_t{0}}) {
    const std::string bytes =
        std::string(reinterpret_cast<const char*>(&length), sizeof length) + "{}";
    EXPECT_EQ(error_of([&] { Safetensors::read(file_of(bytes)); }).code(), ErrorCode::kCorrupt)
        << length;
  }
  EXPECT_EQ(error_of([&] { Safetensors::read(file_of("\x02")); }).code(), ErrorCode::kCorrupt);
}

TEST(Safetensors, RefusesTensorsThatOverlapOrLeaveGaps) {
  const auto two = [](const char* a, const char* b) {
    return std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)") + a +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
  };
  EXPECT_EQ(read(two("[0,4]", "[4,8]"), "12345678").tensors().size(), 2u);
  EXPECT_EQ(refusal(two("[0,4]", "[3,7]"), "1234567"), ErrorCode::kCorrupt);    // overlap
  EXPECT_EQ(refusal(two("[0,4]", "[0,4]"), "1234"), ErrorCode::kCorrupt);       // the same bytes
  EXPECT_EQ(refusal(two("[0,4]", "[5,9]"), "123456789"), ErrorCode::kCorrupt);  // gap
  EXPECT_EQ(refusal(two("[0,4]", "[4,8]"), "1234567"), ErrorCode::kCorrupt);    // cut off
  EXPECT_EQ(refusal(two("[0,4]", "[4,8]"), "123456789"), ErrorCode::kCorrupt);  // bytes of nobody
  EXPECT_EQ(refusal(two("[0,4]", "[8,4]"), "12345678"), ErrorCode::kCorrupt);   // backwards
}

TEST(Safetensors, RefusesAFalseHeader) {
  const auto entry = [](const std::string& inside) { return R"({"a":{)" + inside + "}}"; };
  const std::string data(8, '\0');
  ASSERT_EQ(read(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), data).tensors().size(),
            1u);
  for (
      const char* inside : {
          R"("dtype":"F32","shape":[3],"data_offsets":[0,8])",                      // another size
          R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])",                     // negative
          R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])",                    // not whole
          R"("dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,8])",  // wraps round
                                                                                    // to 8 bytes
          R"("dtype":"F32","shape":[9223372036854775807,9223372036854775807,0],"data_offsets":[0,0])",
          R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8])",  // over 64 bits
          R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])",
          R"("dtype":"F32","shape":2,"data_offsets":[0,8])",
          R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])",
          R"("dtype":32,"shape":[2],"data_offsets":[0,8])",
          R"("dtype":"F32","shape":[2],"data_offsets":[0])",
          R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])",
          R"("dtype":"F32","shape":[2])",
          R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])",
          R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)",
          R"("dtype":null,"shape":[2],"data_offsets":[0,8])",
      }) {
    EXPECT_EQ(refusal(entry(inside), data), ErrorCode::kCorrupt) << inside;
  }
  EXPECT_EQ(refusal(entry(R"("dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8])"), data),
            ErrorCode::kUnsupported);
}

TEST(Safetensors, RefusesANameThatStandsTwice) {
  const std::string entry = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(refusal("{" + entry + "," + entry + "}"), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(R"({"__metadata__":{"a":"1","a":"2"}})"), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(R"({"__metadata__":{},"__metadata__":{}})"), ErrorCode::kCorrupt);
}

TEST(Safetensors, RefusesJsonThatIsDeepBrokenOrNotUtf8) {
  EXPECT_EQ(refusal(std::string(1'000'000, '[')), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(R"({"a":)" + std::string(1'000'000, '{')), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(R"({"__metadata__":{"a":{}}})"), ErrorCode::kCorrupt);
  for (const char* header : {"", "[]", "1", "{", "{}{}", "{\"\xff\":1}", R"({"a":[]})",
                             R"({"__metadata__":{"a":1}})", "null"}) {
    EXPECT_EQ(refusal(header), ErrorCode::kCorrupt) << header;
  }
}

TEST(Safetensors, ErrorsAreOneShortLine) {
  const std::string name(100'000, 'n');
  const Error error = error_of(
      [&] { read(R"({")" + name + R"(\n":{"dtype":"U8","shape":[],"data_offsets":[5,6]}})"); });
  EXPECT_LT(std::string(error.what()).size(), 300u);
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(error_of([&] { MappedFile::open(folder.path() + "/none"); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { MappedFile::open(folder.path()); }).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of([&] { MappedFile::open("/dev/zero"); }).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of([&] { MappedFile::open(folder.write("empty", "")); }).code(),
            ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace m3
