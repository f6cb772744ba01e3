#include "core/vision/global_change.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace m3 {
namespace {

constexpr int kWidth = 320;
constexpr int kHeight = 180;
constexpr float kTolerance = 1;

using Image = std::vector<float>;

// Hills with fine ripples, at any place of the plane.
float ground(double x, double y) {
  return static_cast<float>(120 + 35 * std::sin(x / 23 + 1) * std::cos(y / 17) +
                            14 * std::sin(x / 5.1 + y / 6.3));
}

Image draw(const std::function<float(int x, int y)>& value) {
  Image image(size_t{kWidth} * kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) image[static_cast<size_t>(y) * kWidth + x] = value(x, y);
  }
  return image;
}
// now(x, y) = reference(x + right, y + down)
Image moved(double right, double down) {
  return draw([=](int x, int y) { return ground(x + right, y + down); });
}
// A light box of 60x50 pixels: 5 % of the picture.
void put_box(Image& image, int left, int top) {
  for (int y = top; y < top + 50; ++y) std::fill_n(&image[y * kWidth + left], 60, 230.0F);
}

const Image& reference() {
  static const Image image = moved(0, 0);
  return image;
}

GlobalChange find(const Image& now, const GlobalChange& before = {}) {
  return GlobalChangeFinder().find(now.data(), reference().data(), kWidth, kHeight, kTolerance,
                                   before);
}

TEST(GlobalChange, EqualPicturesDifferByNothing) {
  const GlobalChange change = find(reference());
  EXPECT_NEAR(change.gain, 1, 1e-4);
  EXPECT_NEAR(change.offset, 0, 1e-2);
  EXPECT_NEAR(change.dx_px, 0, 1e-4);
  EXPECT_NEAR(change.dy_px, 0, 1e-4);
  EXPECT_EQ(change.jump_x_px, 0);
  EXPECT_EQ(change.jump_y_px, 0);
  EXPECT_EQ(change.outside, 0);
  EXPECT_EQ(change.row_light, nullptr);
}

TEST(GlobalChange, FindsGainAndOffsetOfLight) {
  for (const auto& [gain, offset] : {std::pair{0.8F, 5.0F}, {1.15F, -12.0F}, {1.0F, 20.0F}}) {
    const Image now = draw([&](int x, int y) { return gain * ground(x, y) + offset; });
    const GlobalChange change = find(now);
    EXPECT_NEAR(change.gain, gain, 0.01);
    EXPECT_NEAR(change.gain * 120 + change.offset, gain * 120 + offset, 0.5);
    EXPECT_LT(change.outside, 0.01);
  }
}

TEST(GlobalChange, FindsAShiftByPartsOfAPixel) {
  for (const auto& [right, down] : {std::pair{0.3, 0.0}, {-0.5, 0.4}, {0.75, -0.5}, {-0.7, -0.7}}) {
    const GlobalChange change = find(moved(right, down));
    EXPECT_NEAR(change.jump_x_px + change.dx_px, right, 0.03) << right << "," << down;
    EXPECT_NEAR(change.jump_y_px + change.dy_px, down, 0.03) << right << "," << down;
  }
}

TEST(GlobalChange, FindsAShiftThatOnlyTheEdgesShow) {
  // Flat but for sharp edges: most pixels say that nothing moved.
  const auto blocks = [](double x, double y) {
    const auto cell = [](double v) { return static_cast<int>(std::floor(v / 37)); };
    return 100.0F + 45.0F * static_cast<float>((cell(x) + cell(y)) % 2);
  };
  // Mean over a pixel, as a sensor sees it.
  const auto seen = [&](double right, double down) {
    return draw([&](int x, int y) {
      float sum = 0;
      for (int i = 0; i < 16; ++i)
        sum += blocks(x + right + (i % 4) / 4.0 + 40, y + down + (i / 4) / 4.0 + 40);
      return sum / 16;
    });
  };
  const Image before = seen(0, 0);
  for (const auto& [right, down] : {std::pair{0.5, 0.0}, {0.0, -0.5}, {-0.5, 0.0}}) {
    const Image now = seen(right, down);
    const GlobalChange change = GlobalChangeFinder().find(now.data(), before.data(), kWidth,
                                                          kHeight, kTolerance, GlobalChange{});
    EXPECT_NEAR(change.jump_x_px + change.dx_px, right, 0.3) << right << "," << down;
    EXPECT_NEAR(change.jump_y_px + change.dy_px, down, 0.3) << right << "," << down;
  }
}

TEST(GlobalChange, FindsAJumpOfManyPixels) {
  const GlobalChange change = find(moved(11, -7));
  EXPECT_NEAR(change.jump_x_px + change.dx_px, 11, 0.05);
  EXPECT_NEAR(change.jump_y_px + change.dy_px, -7, 0.05);
  EXPECT_LT(change.outside, 0.01);
}

TEST(GlobalChange, WhatStandsInThePictureBendsNothing) {
  Image now = draw([](int x, int y) { return 0.9F * ground(x + 0.4, y) + 4; });
  put_box(now, 100, 60);
  const GlobalChange change = find(now);
  EXPECT_NEAR(change.gain, 0.9, 0.01);
  EXPECT_NEAR(change.jump_x_px + change.dx_px, 0.4, 0.05);
  EXPECT_NEAR(change.outside, 60.0 * 50 / (kWidth * kHeight), 0.015);
}

TEST(GlobalChange, NoiseMovesNothing) {
  std::mt19937 random(5);
  std::normal_distribution<float> noise(0, 2);
  const Image now = draw([&](int x, int y) { return ground(x, y) + noise(random); });
  const GlobalChange change = find(now);
  EXPECT_NEAR(change.gain, 1, 0.01);
  EXPECT_NEAR(change.dx_px, 0, 0.06);
  EXPECT_NEAR(change.dy_px, 0, 0.06);
}

TEST(GlobalChange, FindsBandsOfARollingShutter) {
  const auto band = [](int y) { return static_cast<float>(14 * std::sin(y / 11.0)); };
  const Image now = draw([&](int x, int y) { return ground(x, y) + band(y); });
  const GlobalChange change = find(now);
  ASSERT_NE(change.row_light, nullptr);
  EXPECT_LT(change.outside, 0.05);
}

TEST(GlobalChange, AFlatPictureHasNoShift) {
  const Image flat(size_t{kWidth} * kHeight, 90);
  const Image lit(size_t{kWidth} * kHeight, 99);
  const GlobalChange change = GlobalChangeFinder().find(lit.data(), flat.data(), kWidth, kHeight,
                                                        kTolerance, GlobalChange{});
  EXPECT_NEAR(change.gain * 90 + change.offset, 99, 0.1);
  EXPECT_EQ(change.dx_px, 0);
  EXPECT_EQ(change.jump_x_px, 0);
  EXPECT_EQ(change.jump_y_px, 0);
}

}  // namespace
}  // namespace m3
