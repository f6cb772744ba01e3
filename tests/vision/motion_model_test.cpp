#include "core/vision/motion_model.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace m3 {
namespace {

constexpr int kWidth = 160;
constexpr int kHeight = 90;
constexpr double kStep = 0.1;  // seconds

using Image = std::vector<float>;

Image plain(float luma) { return Image(size_t{kWidth} * kHeight, luma); }
void put_box(Image& image, int left, int top, int width, int height, float luma) {
  for (int y = top; y < top + height; ++y) std::fill_n(&image[y * kWidth + left], width, luma);
}

class MotionModelTest : public testing::Test {
 protected:
  void start(const Image& image) { model_.start(image.data(), kWidth, kHeight); }
  double see(const Image& image, const GlobalChange& change = {}) {
    return model_.measure(image.data(), change, kStep);
  }
  // A camera at rest that looks at a wall.
  void settle(int frames) {
    start(plain(100));
    for (int i = 0; i < frames; ++i) ASSERT_EQ(see(plain(100)), 0);
  }
  MotionModel model_;
};

TEST_F(MotionModelTest, MeasuresTheShareOfThePictureThatMoves) {
  settle(10);
  Image image = plain(100);
  put_box(image, 60, 30, 20, 20, 180);
  see(image);  // what comes fast must be there twice
  // The mean of 3x3 pixels reaches one pixel beyond the box; corners have too few neighbours.
  EXPECT_NEAR(see(image) * kWidth * kHeight, 22 * 22, 8);
}

TEST_F(MotionModelTest, OneFrameAloneIsARainDrop) {
  settle(10);
  Image image = plain(100);
  put_box(image, 60, 30, 4, 14, 180);
  EXPECT_EQ(see(image), 0);
  Image next = plain(100);
  put_box(next, 90, 50, 4, 14, 180);
  EXPECT_EQ(see(next), 0) << "another drop";
}

TEST_F(MotionModelTest, WhatStaysBecomesGroundInTime) {
  settle(10);
  Image image = plain(100);
  put_box(image, 60, 30, 20, 20, 140);
  see(image);
  EXPECT_GT(see(image), 0.02);
  int frames = 0;
  while (see(image) > 0 && frames < 100) ++frames;
  EXPECT_LT(frames, 10) << "what stands still is no motion after the recent past has seen it";
  for (int i = 0; i < 600; ++i) see(image);
  EXPECT_NEAR(model_.ground()[40 * kWidth + 70], 140, 3);
}

TEST_F(MotionModelTest, WhatPassesLeavesTheGroundAlone) {
  settle(20);
  for (int i = 0; i < 30; ++i) {
    Image image = plain(100);
    put_box(image, 4 * i, 40, 12, 20, 220);
    see(image);
  }
  for (int x = 0; x < kWidth; ++x) EXPECT_NEAR(model_.ground()[50 * kWidth + x], 100, 4) << x;
}

TEST_F(MotionModelTest, LearnsWhereFoliageMoves) {
  std::mt19937 random(3);
  std::normal_distribution<float> sway(0, 25);
  const auto tree = [&] {
    Image image = plain(100);
    for (int y = 10; y < 50; ++y) {
      for (int x = 10; x < 50; ++x) image[y * kWidth + x] += sway(random);
    }
    return image;
  };
  start(tree());
  for (int i = 0; i < 60; ++i) see(tree());
  double most = 0;
  for (int i = 0; i < 60; ++i) most = std::max(most, see(tree()));
  EXPECT_LT(most, 0.002);
  // A box of the same contrast elsewhere still moves.
  Image image = tree();
  put_box(image, 100, 40, 8, 16, 140);
  see(image);
  EXPECT_GT(see(image), 0.005);
}

TEST_F(MotionModelTest, TakesOutTheLightThatItIsTold) {
  settle(10);
  GlobalChange change;
  change.gain = 0.8F;
  change.offset = 6;
  see(plain(86), change);
  EXPECT_EQ(see(plain(86), change), 0);
  see(plain(86));
  EXPECT_GT(see(plain(86)), 0.9) << "the same picture without being told";
}

TEST_F(MotionModelTest, TakesALargeJumpForTheNewPlace) {
  settle(10);
  GlobalChange change;
  change.jump_x_px = 4;
  see(plain(100), change);
  EXPECT_FALSE(model_.adopted());
  change.jump_x_px = 9;
  see(plain(100), change);
  EXPECT_TRUE(model_.adopted());
}

TEST_F(MotionModelTest, TheRestLevelIsTheNoise) {
  std::mt19937 random(9);
  std::normal_distribution<float> noise(0, 2);
  const auto noisy = [&] {
    Image image = plain(100);
    for (float& value : image) value += noise(random);
    return image;
  };
  start(noisy());
  for (int i = 0; i < 150; ++i) see(noisy());
  // Mean deviation of the mean of 3x3 pixels: 0.798 * 2 / 3; a little more, as the past it is
  // compared with has noise too, and doubtful pixels rise faster than they fall.
  EXPECT_GT(model_.rest_level(), 0.5);
  EXPECT_LT(model_.rest_level(), 1.2);
}

}  // namespace
}  // namespace m3
