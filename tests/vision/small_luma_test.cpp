#include "core/vision/small_luma.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/picture.h"

namespace m3 {
namespace {

using test::Picture;

TEST(SmallLuma, MakesAbout320x180PixelsOfAnyUsualSize) {
  SmallLuma luma;
  struct Case {
    int width_px, height_px, block_px, small_width_px, small_height_px;
  };
  for (const Case& c : {Case{1280, 720, 4, 320, 180},
                        {1920, 1080, 6, 320, 180},
                        {640, 360, 2, 320, 180},
                        {768, 432, 3, 256, 144},
                        {320, 180, 1, 320, 180},
                        {37, 23, 1, 37, 23},
                        {720, 1280, 4, 180, 320}}) {
    luma.read(Picture(PixelFormat::kI420, c.width_px, c.height_px).view());
    EXPECT_EQ(luma.block_px(), c.block_px) << c.width_px;
    EXPECT_EQ(luma.width_px(), c.small_width_px) << c.width_px;
    EXPECT_EQ(luma.height_px(), c.small_height_px) << c.width_px;
    EXPECT_EQ(luma.pixels().size(), size_t(luma.width_px()) * luma.height_px());
  }
}

TEST(SmallLuma, EachPixelIsTheMeanOfItsBlock) {
  Picture picture(PixelFormat::kNv12, 1283, 722, 13);  // the rest of a block is left out
  picture.fill(0, [](int x, int y) { return (7 * x + 3 * y) % 251; });
  SmallLuma luma;
  luma.read(picture.view());
  ASSERT_EQ(luma.width_px(), 320);
  ASSERT_EQ(luma.height_px(), 180);
  for (const auto& [sx, sy] : {std::pair{0, 0}, {319, 0}, {0, 179}, {319, 179}, {77, 101}}) {
    double sum = 0;
    for (int y = 4 * sy; y < 4 * sy + 4; ++y) {
      for (int x = 4 * sx; x < 4 * sx + 4; ++x) sum += (7 * x + 3 * y) % 251;
    }
    EXPECT_FLOAT_EQ(luma.pixels()[sy * 320 + sx], sum / 16) << sx << "," << sy;
  }
}

TEST(SmallLuma, WeighsRedGreenAndBlueAsLumaDoes) {
  SmallLuma luma;
  const int shares[] = {299, 587, 114};
  for (int channel = 0; channel < 3; ++channel) {
    Picture picture(PixelFormat::kRgb, 640, 360, 3);
    picture.fill(0, [channel](int byte, int) { return byte % 3 == channel ? 200 : 0; });
    luma.read(picture.view());
    for (const float value : luma.pixels()) EXPECT_NEAR(value, 0.2 * shares[channel], 1e-3);
  }
}

TEST(SmallLuma, ReadsNothingOutsideTheCrop) {
  Picture picture(PixelFormat::kI420, 100, 80, 5);
  const auto inside = [](int x, int y) { return x >= 30 && x < 70 && y >= 10 && y < 50; };
  picture.fill(0, [&](int x, int y) { return inside(x, y) ? 150 : 20; });
  FrameView view = picture.view();
  view.crop = {30, 10, 40, 40};
  SmallLuma luma;
  luma.read(view);
  EXPECT_EQ(luma.width_px(), 40);
  EXPECT_EQ(luma.height_px(), 40);
  for (const float value : luma.pixels()) EXPECT_EQ(value, 150);
}

TEST(SmallLuma, TellsWhenEarlierPicturesHaveAnotherShape) {
  SmallLuma luma;
  const Picture small(PixelFormat::kI420, 320, 180);
  const Picture large(PixelFormat::kI420, 640, 360);
  EXPECT_TRUE(luma.read(small.view()));
  EXPECT_FALSE(luma.read(small.view()));
  EXPECT_TRUE(luma.read(large.view()));
  EXPECT_FALSE(luma.read(large.view()));
}

}  // namespace
}  // namespace m3
