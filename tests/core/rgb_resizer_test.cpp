#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/resample.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"

namespace m3 {
namespace {

using test::error_of;
using test::Picture;

std::vector<uint8_t> resized(const FrameView& frame, int width, int height) {
  std::vector<uint8_t> out(static_cast<size_t>(width) * height * 3);
  RgbResizer().run(frame, width, height, out);
  return out;
}

struct Rgb {
  double red;
  double green;
  double blue;
};

// ITU-R BT.601 and BT.709 in doubles, unrounded, clipped to 0..255.
Rgb exact_rgb(const Colorimetry& color, int y, int u, int v) {
  const bool bt709 = color.matrix == YuvMatrix::kBt709;
  const double kr = bt709 ? 0.2126 : 0.299;
  const double kb = bt709 ? 0.0722 : 0.114;
  const double luma = color.full_range ? y : (y - 16) * 255.0 / 219.0;
  const double pb = (u - 128) * (color.full_range ? 1.0 : 255.0 / 224.0);
  const double pr = (v - 128) * (color.full_range ? 1.0 : 255.0 / 224.0);
  const double red = luma + 2 * (1 - kr) * pr;
  const double blue = luma + 2 * (1 - kb) * pb;
  const double green = (luma - kr * red - kb * blue) / (1 - kr - kb);
  return {std::clamp(red, 0.0, 255.0), std::clamp(green, 0.0, 255.0), std::clamp(blue, 0.0, 255.0)};
}

class RgbResizerColors : public testing::TestWithParam<std::tuple<YuvMatrix, bool, PixelFormat>> {};

TEST_P(RgbResizerColors, AreWithinOneOfTheExactFormula) {
  const auto [matrix, full_range, format] = GetParam();
  const Colorimetry color{matrix, full_range};
  double worst = 0;
  // All lumas side by side over one flat chroma: nothing is resized, every value meets every luma.
  for (int u = 0; u <= 255; u += 15) {
    for (int v = 0; v <= 255; v += 15) {
      Picture picture(format, 256, 2);
      picture.fill(0, [](int x, int) { return x; });
      if (format == PixelFormat::kNv12) {
        picture.fill(1, [u = u, v = v](int x, int) { return x % 2 == 0 ? u : v; });
      } else {
        picture.fill(1, [u = u](int, int) { return u; }).fill(2, [v = v](int, int) { return v; });
      }
      FrameView view = picture.view();
      view.color = color;
      const std::vector<uint8_t> out = resized(view, 256, 2);
      for (int y = 0; y <= 255; ++y) {
        const Rgb exact = exact_rgb(color, y, u, v);
        worst = std::max({worst, std::fabs(out[3 * y] - exact.red),
                          std::fabs(out[3 * y + 1] - exact.green),
                          std::fabs(out[3 * y + 2] - exact.blue)});
      }
    }
  }
  EXPECT_LE(worst, 0.505) << "the nearest byte, but for the rounding of the factors";
}

INSTANTIATE_TEST_SUITE_P(All, RgbResizerColors,
                         testing::Combine(testing::Values(YuvMatrix::kBt601, YuvMatrix::kBt709),
                                          testing::Bool(),
                                          testing::Values(PixelFormat::kI420, PixelFormat::kNv12)));

TEST(RgbResizer, KnowsTheColourBars) {
  // BT.601, limited range: white, yellow, red, blue, black.
  const int bars[5][6] = {{235, 128, 128, 255, 255, 255},
                          {210, 16, 146, 255, 255, 0},
                          {81, 90, 240, 254, 0, 0},
                          {41, 240, 110, 0, 0, 255},
                          {16, 128, 128, 0, 0, 0}};
  for (const auto& bar : bars) {
    Picture picture(PixelFormat::kI420, 4, 4);
    picture.fill_luma(bar[0]);
    picture.fill(1, [&](int, int) { return bar[1]; }).fill(2, [&](int, int) { return bar[2]; });
    const std::vector<uint8_t> out = resized(picture.view(), 1, 1);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(out[c], bar[3 + c], 1) << "luma " << bar[0];
  }
}

TEST(RgbResizer, TakesRgbBytesAsTheyAre) {
  const Picture picture =
      Picture(PixelFormat::kRgb, 5, 3, 4).fill(0, [](int x, int y) { return 50 * y + x; });
  const std::vector<uint8_t> out = resized(picture.view(), 5, 3);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 15; ++x) EXPECT_EQ(out[15 * y + x], 50 * y + x);
  }
}

// A frame cut out by hand and the crop of a larger one must give the same bytes.
void expect_crop_equals_cut(PixelFormat format, const Crop& crop) {
  const auto value = [](int plane, int x, int y) { return (plane * 71 + x * 13 + y * 29) % 251; };
  Picture whole(format, 40, 30, 3);
  Picture cut(format, crop.width_px, crop.height_px);
  for (int plane = 0; plane < 3; ++plane) {
    const bool chroma = plane > 0;
    const int step =
        format == PixelFormat::kRgb ? 3 : (format == PixelFormat::kNv12 && chroma ? 2 : 1);
    const int x0 = step * (chroma ? crop.x_px / 2 : crop.x_px);
    const int y0 = chroma ? crop.y_px / 2 : crop.y_px;
    whole.fill(plane, [&](int x, int y) { return value(plane, x, y); });
    cut.fill(plane, [&](int x, int y) { return value(plane, x + x0, y + y0); });
  }
  FrameView view = whole.view();
  view.crop = crop;
  EXPECT_EQ(resized(view, 16, 12), resized(cut.view(), 16, 12));
}

TEST(RgbResizer, LooksAtTheCropOnly) {
  expect_crop_equals_cut(PixelFormat::kRgb, {7, 3, 21, 13});
  for (const PixelFormat format : {PixelFormat::kI420, PixelFormat::kNv12}) {
    expect_crop_equals_cut(format, {6, 4, 20, 14});
    expect_crop_equals_cut(format, {6, 4, 21, 13});
    expect_crop_equals_cut(format, {38, 28, 2, 2});
    expect_crop_equals_cut(format, {39 - 1, 0, 1, 30});
  }
}

// A ramp in chroma shows where the resizer believes its samples to lie.
double red_at(const Picture& picture, const Crop& crop) {
  FrameView view = picture.view();
  view.crop = crop;
  view.color.full_range = true;
  return resized(view, 1, 1)[0];
}

TEST(RgbResizer, PlacesChromaRightInOddCrops) {
  Picture picture(PixelFormat::kI420, 64, 8);
  picture.fill_luma(100).fill(2, [](int x, int) { return 128 + 2 * x; });
  // Means over pixels x..x+15: the chroma ramp rises by one a pixel, red by 1.402.
  const double at_16 = red_at(picture, {16, 0, 16, 8});
  const double at_17 = red_at(picture, {17, 0, 16, 8});
  const double at_18 = red_at(picture, {18, 0, 16, 8});
  EXPECT_NEAR(at_17 - at_16, 1.402, 1.0);
  EXPECT_NEAR(at_18 - at_16, 2 * 1.402, 1.0);
  EXPECT_GT(at_17, at_16);
  EXPECT_GT(at_18, at_17);
}

TEST(RgbResizer, OddSizesReadNothingBeyondTheirPlanes) {
  for (const PixelFormat format : {PixelFormat::kI420, PixelFormat::kNv12, PixelFormat::kRgb}) {
    for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {35, 1}, {1, 35}, {33, 37}}) {
      Picture picture(format, width, height, 5);
      for (int plane = 0; plane < 3; ++plane) picture.fill(plane, [](int, int) { return 128; });
      FrameView view = picture.view();
      view.color.full_range = true;
      EXPECT_EQ(resized(view, 6, 7), std::vector<uint8_t>(6 * 7 * 3, 128));
    }
  }
}

TEST(RgbResizer, RefusesWhatItCannotRead) {
  const Picture picture(PixelFormat::kI420, 16, 16);
  std::vector<uint8_t> out(4 * 4 * 3);
  const auto code = [&](auto change, size_t room = 48) {
    FrameView view = picture.view();
    change(view);
    return error_of([&] { RgbResizer().run(view, 4, 4, std::span(out).first(room)); }).code();
  };
  EXPECT_EQ(code([](FrameView& v) { v.memory = MemoryKind::kCuda; }), ErrorCode::kUnsupported);
  EXPECT_EQ(code([](FrameView& v) { v.width_px = 0; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView& v) { v.height_px = 16385; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView& v) { v.planes[2] = {}; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView& v) { v.planes[0].stride_bytes = 15; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView& v) { v.crop = {10, 0, 7, 4}; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView& v) { v.crop = {0, 0, 4, 0}; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView& v) { v.crop = {-2, 0, 4, 4}; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code([](FrameView&) {}, 47), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace m3
