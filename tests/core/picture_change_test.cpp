#include "core/picture_change.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace m3 {
namespace {

uint8_t byte(double value) {
  return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
}

// A room: slopes, some edges and texture. dx, dy move it, in blocks.
Signature room(double dx = 0, double dy = 0) {
  Signature out{};
  for (int y = 0; y < kSignatureRows; ++y) {
    for (int x = 0; x < kSignatureColumns; ++x) {
      const double u = x + dx;
      const double v = y + dy;
      const double wall = 1 / (1 + std::exp((v - 11) * 3));  // the floor begins at row 11
      out[y * kSignatureColumns + x] =
          byte(70 + 90 * wall + 25 * std::sin(u / 4.0) + 12 * std::sin(u * 0.9 + v * 0.7));
    }
  }
  return out;
}

Signature lit(const Signature& in, double gain, double offset) {
  Signature out{};
  std::transform(in.begin(), in.end(), out.begin(),
                 [=](uint8_t v) { return byte(gain * v + offset); });
  return out;
}

Signature with_thing(Signature in, int x, int y, int width, int height, double levels) {
  for (int v = y; v < y + height; ++v) {
    for (int u = x; u < x + width; ++u)
      in[v * kSignatureColumns + u] = byte(in[v * kSignatureColumns + u] + levels);
  }
  return in;
}

TEST(PictureChange, IsNothingBetweenEqualPictures) {
  EXPECT_EQ(picture_change(room(), room(), 0), 0);
  EXPECT_EQ(picture_change(Signature{}, Signature{}, 0), 0);
}

TEST(PictureChange, SeesAThingOfOneBlock) {
  EXPECT_LT(picture_change(room(), with_thing(room(), 20, 6, 1, 1, 4), 0), 1);
  EXPECT_GT(picture_change(room(), with_thing(room(), 20, 6, 1, 1, 16), 0), 1);
}

TEST(PictureChange, SeesAThingThatLeft) {
  EXPECT_GT(picture_change(with_thing(room(), 20, 6, 2, 4, -60), room(), 0), 2);
}

TEST(PictureChange, GrowsWithTheDifference) {
  const double little = picture_change(room(), with_thing(room(), 8, 5, 2, 3, 15), 0);
  const double much = picture_change(room(), with_thing(room(), 8, 5, 2, 3, 60), 0);
  EXPECT_GT(much, 2 * little);
}

TEST(PictureChange, TakesLightThatRisesOrFallsForNone) {
  for (const double gain : {0.5, 0.8, 1.25}) {
    for (const double offset : {-15.0, 0.0, 20.0}) {
      EXPECT_LT(picture_change(room(), lit(room(), gain, offset), 0), 1) << gain << " " << offset;
    }
  }
}

TEST(PictureChange, SeesAThingInOtherLight) {
  EXPECT_GT(picture_change(room(), lit(with_thing(room(), 12, 8, 2, 4, -50), 0.7, 5), 0), 1);
}

TEST(PictureChange, TakesAShakenCameraForNone) {
  for (const double dx : {-0.3, 0.0, 0.25}) {
    for (const double dy : {-0.2, 0.0, 0.2}) {
      EXPECT_LT(picture_change(room(), room(dx, dy), 0), 1) << dx << " " << dy;
    }
  }
}

TEST(PictureChange, AllowsForTheCamerasNoise) {
  std::mt19937 random(5);
  std::normal_distribution<> noise(0, 1.2);  // of a block's mean, with compression
  Signature noisy = room();
  for (uint8_t& v : noisy) v = byte(v + noise(random));
  EXPECT_LT(picture_change(room(), noisy, 8), 1);
}

TEST(PictureChange, SeesAnotherPicture) {
  Signature other{};
  for (size_t i = 0; i < other.size(); ++i)
    other[i] = byte(128 + 80 * std::sin(static_cast<double>(i * i)));
  EXPECT_GT(picture_change(room(), other, 0), 1);
}

}  // namespace
}  // namespace m3
