#include "drawing/canvas.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3::drawing {
namespace {

using m3::test::error_of;
using m3::test::TemporaryFolder;

constexpr Color kRed = {1, 0, 0};

uint32_t pixel(Canvas& canvas, int x, int y) {
  uint32_t value = 0;
  const auto at = static_cast<size_t>(y * canvas.width_px() + x) * Canvas::kBytesPerPixel;
  std::memcpy(&value, canvas.pixels().data() + at, sizeof value);
  return value;
}

// Pixels of the columns from..to that are drawn on.
int inked(Canvas& canvas, int from, int to) {
  int count = 0;
  for (int y = 0; y < canvas.height_px(); ++y) {
    for (int x = from; x < to; ++x) count += pixel(canvas, x, y) != 0;
  }
  return count;
}

TEST(Canvas, BeginsTransparentAndFillsExactlyItsBox) {
  Canvas canvas(7, 5);
  EXPECT_EQ(canvas.pixels().size(), 7U * 5 * 4);
  EXPECT_EQ(inked(canvas, 0, 7), 0);
  canvas.fill({2, 1, 3, 2}, kRed);
  EXPECT_EQ(pixel(canvas, 2, 1), 0xFFFF0000U);
  EXPECT_EQ(pixel(canvas, 4, 2), 0xFFFF0000U);
  EXPECT_EQ(inked(canvas, 0, 7), 6);
  canvas.clear();
  EXPECT_EQ(inked(canvas, 0, 7), 0);
}

TEST(Canvas, ColoursAreMultipliedByAlpha) {
  Canvas canvas(1, 1);
  canvas.fill({0, 0, 1, 1}, {1, 1, 1, 0.5});
  EXPECT_EQ(pixel(canvas, 0, 0), 0x80808080U);
}

TEST(Canvas, RoundCornersLeaveTheCornerOut) {
  Canvas canvas(20, 20);
  canvas.fill({0, 0, 20, 20}, kRed, 8);
  EXPECT_EQ(pixel(canvas, 0, 0), 0U);
  EXPECT_EQ(pixel(canvas, 10, 0), 0xFFFF0000U);
}

TEST(Canvas, DrawsNothingOutsideOfAClipWhileItLives) {
  Canvas canvas(10, 4);
  {
    const Canvas::Clip clip(canvas, {0, 0, 3, 4});
    canvas.fill({0, 0, 10, 4}, kRed);
  }
  EXPECT_EQ(inked(canvas, 0, 10), 12);
  canvas.fill({0, 0, 10, 4}, kRed);
  EXPECT_EQ(inked(canvas, 0, 10), 40);
}

TEST(Canvas, LinesNeedTwoPoints) {
  Canvas canvas(10, 3);
  canvas.line(std::array{Point{1, 1.5}}, kRed);
  EXPECT_EQ(inked(canvas, 0, 10), 0);
  canvas.line(std::array{Point{0, 1.5}, Point{10, 1.5}}, kRed, 1);
  EXPECT_EQ(inked(canvas, 0, 10), 10);
}

TEST(Canvas, TextIsDrawnWhereItWasAskedForAndAsLargeAsItSays) {
  Canvas canvas(300, 40);
  TextStyle style;
  style.color = kRed;
  style.align = Align::kRight;
  const TextSize size = canvas.text({300, 0}, "Ein Hund läuft", style);
  EXPECT_GT(size.width_px, 50);
  EXPECT_LT(size.width_px, 200);
  EXPECT_GT(inked(canvas, 300 - static_cast<int>(size.width_px), 300), 100);
  EXPECT_EQ(inked(canvas, 0, 290 - static_cast<int>(size.width_px)), 0);
}

TEST(Canvas, TextOfAnyScriptIsOneGlyphAtLeast) {
  for (const char* text : {"é", "ж", "犬", "🐕"}) {
    Canvas canvas(40, 40);
    TextStyle style;
    style.color = kRed;
    canvas.text({0, 0}, text, style);
    EXPECT_GT(inked(canvas, 0, 40), 5) << text;
  }
}

TEST(Canvas, TextThatIsNotUtf8IsShownWithReplacements) {
  const Canvas canvas(10, 10);
  EXPECT_EQ(canvas.size_of("a\xFFz", {}).width_px, canvas.size_of("a\xEF\xBF\xBDz", {}).width_px);
}

TEST(Canvas, LongTextBreaksAndEndsAfterTheLinesThatItMayHave) {
  const Canvas canvas(10, 10);
  TextStyle style;
  const double line = canvas.size_of("one", style).height_px;
  style.width_px = 60;
  const std::string words = "one two three four five six seven eight nine ten";
  EXPECT_GT(canvas.size_of(words, style).height_px, 4 * line);
  style.lines = 2;
  const TextSize two = canvas.size_of(words, style);
  EXPECT_NEAR(two.height_px, 2 * line, line / 2);
  EXPECT_LE(two.width_px, 61);
}

TEST(Canvas, WritesAPng) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/red.png";
  Canvas canvas(3, 2);
  canvas.clear(kRed);
  canvas.write_png(path);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(bytes.substr(1, 3), "PNG");
  // Width and height in the header, big-endian.
  EXPECT_EQ(bytes[19], 3);
  EXPECT_EQ(bytes[23], 2);
}

TEST(Canvas, RefusesSizesAndPathsThatCannotBe) {
  EXPECT_EQ(error_of([] { Canvas(0, 5); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] { Canvas(5, 16385); }).code(), ErrorCode::kInvalidArgument);
  Canvas canvas(1, 1);
  const Error error = error_of([&] { canvas.write_png("/nowhere/at/all.png"); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(std::string(error.what()).find("/nowhere/at/all.png"), 0U);
}

}  // namespace
}  // namespace m3::drawing
