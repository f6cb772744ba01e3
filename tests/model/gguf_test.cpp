#include "core/model/gguf.h"

#include <gtest/gtest.h>

#include <bit>

#include "core/model/safetensors.h"
#include "tests/support/error_of.h"
#include "tests/support/file_of.h"
#include "tests/support/gguf_builder.h"

namespace m3 {
namespace {

using test::error_of;
using test::file_of;
using test::GgufBuilder;

constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ8 = 8;

Gguf read(const GgufBuilder& builder) { return Gguf::read(file_of(builder.bytes(), "made.gguf")); }
ErrorCode refusal(const std::string& bytes) {
  return error_of([&] { Gguf::read(file_of(bytes, "made.gguf")); }).code();
}
std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(Gguf, ReadsValuesOfEveryType) {
  using B = GgufBuilder;
  const Gguf gguf = read(
      B().value("u8", 0, B::raw<uint8_t>(200))
          .value("i8", 1, B::raw<int8_t>(-100))
          .value("u16", 2, B::raw<uint16_t>(60000))
          .value("i16", 3, B::raw<int16_t>(-30000))
          .u32("u32", 4'000'000'000)
          .value("i32", 5, B::raw<int32_t>(-2'000'000'000))
          .value("f32", 6, B::raw(0.5F))
          .value("bool", 7, B::raw<uint8_t>(1))
          .value("text", 8, B::text("Übung"))
          .value("u64", 10, B::raw<uint64_t>(1))
          .value("i64", 11, B::raw<int64_t>(INT64_MIN))
          .value("f64", 12, B::raw(0.1))
          .i32s("i32s", {1, -2, 3})
          .texts("texts", {"a", "", "c d"})
          .value("f32s", 9, B::raw<uint32_t>(6) + B::raw<uint64_t>(2) + B::raw(1.5F) + B::raw(2.5F))
          .value("bools", 9,
                 B::raw<uint32_t>(7) + B::raw<uint64_t>(2) + std::string("\x01\x00", 2)));
  EXPECT_EQ(gguf.integer("u8"), 200);
  EXPECT_EQ(gguf.integer("i8"), -100);
  EXPECT_EQ(gguf.integer("u16"), 60000);
  EXPECT_EQ(gguf.integer("i16"), -30000);
  EXPECT_EQ(gguf.integer("u32"), 4'000'000'000);
  EXPECT_EQ(gguf.integer("i32"), -2'000'000'000);
  EXPECT_EQ(gguf.number("f32"), 0.5);
  EXPECT_EQ(gguf.number("u32"), 4e9);
  EXPECT_EQ(gguf.text("text"), "Übung");
  EXPECT_EQ(gguf.integer("u64"), 1);
  EXPECT_EQ(gguf.integer("i64"), INT64_MIN);
  EXPECT_EQ(gguf.number("f64"), 0.1);
  EXPECT_EQ(gguf.integers("i32s"), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(gguf.texts("texts"), (std::vector<std::string>{"a", "", "c d"}));
  EXPECT_TRUE(std::get<bool>(gguf.metadata().at("bool")));
  EXPECT_EQ(std::get<std::vector<double>>(gguf.metadata().at("f32s")),
            (std::vector<double>{1.5, 2.5}));
  EXPECT_EQ(gguf.integers("bools"), (std::vector<int64_t>{1, 0}));
}

TEST(Gguf, GivesTensorsInTorchsOrderOfSizes) {
  const Gguf gguf = read(GgufBuilder()
                             .tensor("w", kF32, {3, 2}, floats({1, 2, 3, 4, 5, 6}))
                             .tensor("v", kF32, {1}, floats({7})));
  EXPECT_EQ(gguf.tensor("w").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(gguf.tensor("w").elements(), 6);
  std::vector<float> out(6);
  dequantize(gguf.tensor("w"), out);
  EXPECT_EQ(out, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  out.resize(1);
  dequantize(gguf.tensor("v"), out);
  EXPECT_EQ(out[0], 7);
}

TEST(Gguf, TakesAnotherAlignment) {
  GgufBuilder builder;
  builder.alignment = 256;
  const Gguf gguf = read(builder.u32("general.alignment", 256)
                             .tensor("a", kF32, {1}, floats({1}))
                             .tensor("b", kF32, {1}, floats({2})));
  float out = 0;
  dequantize(gguf.tensor("b"), std::span(&out, 1));
  EXPECT_EQ(out, 2);
  for (const uint32_t bad : {0u, 3u, 1u << 21}) {
    EXPECT_EQ(refusal(GgufBuilder().u32("general.alignment", bad).bytes()), ErrorCode::kCorrupt)
        << bad;
  }
}

TEST(Gguf, SaysWhatIsMissingOrOfAnotherType) {
  const Gguf gguf =
      read(GgufBuilder().u32("n", 1).value("big", 10, GgufBuilder::raw(~uint64_t{0})));
  EXPECT_STREQ(error_of([&] { gguf.integer("m"); }).what(), "made.gguf: has no metadata \"m\"");
  EXPECT_STREQ(error_of([&] { gguf.text("n"); }).what(), "made.gguf: metadata \"n\" is no text");
  EXPECT_STREQ(error_of([&] { gguf.integer("big"); }).what(),
               "made.gguf: metadata \"big\" is no whole number");
  EXPECT_STREQ(error_of([&] { gguf.tensor("w"); }).what(), "made.gguf: has no tensor \"w\"");
  EXPECT_EQ(error_of([&] { gguf.texts("n"); }).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of([&] { gguf.integers("n"); }).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of([&] { gguf.number("absent"); }).code(), ErrorCode::kCorrupt);
}

TEST(Gguf, RefusesOtherVersionsAndOtherFiles) {
  GgufBuilder builder;
  builder.version = 2;
  EXPECT_EQ(read(builder).tensors().size(), 0u);
  builder.version = 1;
  EXPECT_EQ(refusal(builder.bytes()), ErrorCode::kUnsupported);
  builder.version = 0x03000000;  // big-endian
  EXPECT_EQ(refusal(builder.bytes()), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal("GGU"), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal("<html></html>"), ErrorCode::kCorrupt);
}

TEST(Gguf, RefusesAPartOfASplitFile) {
  EXPECT_EQ(read(GgufBuilder().u32("split.count", 1)).tensors().size(), 0u);
  EXPECT_EQ(refusal(GgufBuilder().u32("split.count", 2).bytes()), ErrorCode::kUnsupported);
}

TEST(Gguf, RefusesCountsThatTheFileCannotHold) {
  const GgufBuilder builder;
  for (const uint64_t count :
       {uint64_t{1000}, uint64_t{1} << 32, uint64_t{1} << 61, ~uint64_t{0}}) {
    EXPECT_EQ(refusal(builder.bytes(count, 0)), ErrorCode::kCorrupt) << count;
    EXPECT_EQ(refusal(builder.bytes(0, count)), ErrorCode::kCorrupt) << count;
    for (const uint32_t type : {0u, 5u, 8u, 12u}) {
      const std::string array = GgufBuilder::raw(type) + GgufBuilder::raw(count);
      EXPECT_EQ(refusal(GgufBuilder().value("a", 9, array).bytes()), ErrorCode::kCorrupt)
          << type << " " << count;
    }
    EXPECT_EQ(refusal(GgufBuilder().value("t", 8, GgufBuilder::raw(count)).bytes()),
              ErrorCode::kCorrupt);
  }
}

TEST(Gguf, RefusesFalseValues) {
  EXPECT_EQ(refusal(GgufBuilder().u32("a", 1).u32("a", 1).bytes()), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(GgufBuilder().value("a", 13, "12345678").bytes()), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(GgufBuilder().value("a", 7, "\x02").bytes()), ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(GgufBuilder().value("a", 8, GgufBuilder::text("\xff")).bytes()),
            ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(GgufBuilder().u32("\xc3", 1).bytes()), ErrorCode::kCorrupt);
  // An array of arrays of arrays: no model has one.
  std::string nested;
  for (int i = 0; i < 1000; ++i)
    nested += GgufBuilder::raw<uint32_t>(9) + GgufBuilder::raw<uint64_t>(1);
  EXPECT_EQ(refusal(GgufBuilder().value("a", 9, nested).bytes()), ErrorCode::kCorrupt);
}

TEST(Gguf, RefusesFalseTensors) {
  const auto with = [](uint32_t type, const std::vector<uint64_t>& sizes, uint64_t offset) {
    return GgufBuilder().tensor_at("w", type, sizes, offset).data(std::string(256, '\0')).bytes();
  };
  EXPECT_EQ(Gguf::read(file_of(with(kF32, {8, 8}, 0))).tensor("w").bytes.size(), 256u);
  EXPECT_EQ(refusal(with(kF32, {8, 8}, 32)), ErrorCode::kCorrupt);                 // beyond the end
  EXPECT_EQ(refusal(with(kF32, {8, 4}, 4)), ErrorCode::kCorrupt);                  // not aligned
  EXPECT_EQ(refusal(with(kF32, {8, 8}, ~uint64_t{31})), ErrorCode::kCorrupt);      // wraps round
  EXPECT_EQ(refusal(with(kF32, {8, 0}, 0)), ErrorCode::kCorrupt);                  // empty
  EXPECT_EQ(refusal(with(kF32, {uint64_t{1} << 62, 4}, 0)), ErrorCode::kCorrupt);  // too large
  EXPECT_EQ(refusal(with(kF32, {uint64_t{1} << 62}, 0)), ErrorCode::kCorrupt);     // bytes too many
  EXPECT_EQ(refusal(with(kF32, {1, 1, 1, 1, 1}, 0)), ErrorCode::kCorrupt);         // dimensions
  EXPECT_EQ(refusal(with(kQ8, {33}, 0)), ErrorCode::kCorrupt);                     // half a block
  EXPECT_EQ(refusal(with(kQ8, {16, 2}, 0)), ErrorCode::kCorrupt);  // rows of half a block
  EXPECT_EQ(refusal(with(99, {8}, 0)), ErrorCode::kUnsupported);   // type
  EXPECT_EQ(
      refusal(GgufBuilder().tensor("w", kF32, {1}, "1234").tensor("w", kF32, {1}, "1234").bytes()),
      ErrorCode::kCorrupt);
  EXPECT_EQ(refusal(GgufBuilder()
                        .tensor("v", kF32, {16}, std::string(64, '\0'))
                        .tensor_at("w", kF32, {1}, 32)
                        .bytes()),
            ErrorCode::kCorrupt);  // overlap
}

// The blocks and what gguf-py expands them to: tests/golden/make_dequantize.py.
class Dequantize : public testing::TestWithParam<std::pair<const char*, GgufType>> {};

TEST_P(Dequantize, IsEqualToTheReferenceToTheLastBit) {
  const auto [name, type] = GetParam();
  const Safetensors golden = Safetensors::open(M3_GOLDEN_DIR "/dequantize.safetensors");
  std::vector<float> expected(
      static_cast<size_t>(golden.at(std::string(name) + ".values").shape[0]));
  to_float(golden.at(std::string(name) + ".values"), expected);
  const GgufTensor tensor{
      type, {static_cast<int64_t>(expected.size())}, golden.at(std::string(name) + ".bytes").bytes};
  std::vector<float> out(expected.size());
  dequantize(tensor, out);
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(expected[i]))
        << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, Dequantize,
    testing::Values(std::pair("F16", GgufType::kF16), std::pair("BF16", GgufType::kBf16),
                    std::pair("Q4_0", GgufType::kQ4_0), std::pair("Q4_1", GgufType::kQ4_1),
                    std::pair("Q5_0", GgufType::kQ5_0), std::pair("Q5_1", GgufType::kQ5_1),
                    std::pair("Q8_0", GgufType::kQ8_0), std::pair("Q4_K", GgufType::kQ4_K),
                    std::pair("Q5_K", GgufType::kQ5_K), std::pair("Q6_K", GgufType::kQ6_K)),
    [](const auto& info) { return std::string(info.param.first); });

TEST(Gguf, ExpandsOnlyIntoRoomOfTheRightSize) {
  const Gguf gguf = read(GgufBuilder().tensor("w", kQ8, {32}, std::string(34, '\1')));
  for (const size_t size : {0u, 31u, 33u, 64u}) {
    std::vector<float> out(size);
    EXPECT_EQ(error_of([&] { dequantize(gguf.tensor("w"), out); }).code(),
              ErrorCode::kInvalidArgument)
        << size;
  }
}

}  // namespace
}  // namespace m3
