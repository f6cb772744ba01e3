// Scene: what a fixed 720p camera sees, made by formula: walls and shades with edges, on which
// tests put sensor noise, light, a shaking mount, rain and people. Equal calls make equal frames on
// every machine. Threads: a value.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "core/frame.h"

namespace m3::test {

class Scene {
 public:
  static constexpr int kWidth = 1280;
  static constexpr int kHeight = 720;
  static constexpr int kMargin = 320;  // pixels that the camera may look beyond the picture

  explicit Scene(unsigned seed = 1) : random_(seed), luma_(kWidth * kHeight * 3 / 2, 128) {
    const auto hills = [](double x, double y) {
      return 110 + 30 * std::sin(x / 171) * std::cos(y / 113) + 12 * std::sin(x / 37 + y / 29);
    };
    ground_.resize(size_t{kAcross} * kDown);
    for (int y = 0; y < kDown; ++y) {
      for (int x = 0; x < kAcross; ++x) {
        ground_[static_cast<size_t>(y) * kAcross + x] =
            static_cast<float>(hills(x + 600.0 * seed, y));
      }
    }
    for (int i = 0; i < 120; ++i) {  // things with edges
      const int left = below(kAcross - 40);
      const int top = below(kDown - 40);
      const int right = std::min(kAcross, left + 20 + below(160));
      const int bottom = std::min(kDown, top + 20 + below(120));
      const int lift = below(100) - 50;
      for (int y = top; y < bottom; ++y) {
        for (int x = left; x < right; ++x) ground_[static_cast<size_t>(y) * kAcross + x] += lift;
      }
    }
    std::normal_distribution<float> normal;
    for (float& value : normal_) value = normal(random_);
  }

  // Starts a frame: the ground as a camera sees it that looks (x_px, y_px) aside.
  Scene& look(int x_px = 0, int y_px = 0) {
    for (int y = 0; y < kHeight; ++y) {
      const float* from =
          ground_.data() + static_cast<size_t>(y + y_px + kMargin) * kAcross + x_px + kMargin;
      for (int x = 0; x < kWidth; ++x) at(x, y) = byte(from[x]);
    }
    return *this;
  }
  // Somebody: a dark upright box.
  Scene& person(int left_px, int top_px, int width_px, int height_px) {
    for (int y = std::max(0, top_px); y < std::min(kHeight, top_px + height_px); ++y) {
      for (int x = std::max(0, left_px); x < std::min(kWidth, left_px + width_px); ++x)
        at(x, y) = 30;
    }
    return *this;
  }
  // Bright streaks of 2x14 pixels at places that are new in each frame.
  Scene& rain(int drops) {
    for (int i = 0; i < drops; ++i) {
      const int left = below(kWidth - 2);
      const int top = below(kHeight - 14);
      for (int y = top; y < top + 14; ++y) {
        for (int x = left; x < left + 2; ++x) at(x, y) = byte(at(x, y) + 50.0F);
      }
    }
    return *this;
  }
  Scene& light(float gain, float offset = 0) {
    std::array<uint8_t, 256> lit;
    for (int i = 0; i < 256; ++i) lit[i] = byte(gain * static_cast<float>(i) + offset);
    for (int i = 0; i < kWidth * kHeight; ++i) luma_[i] = lit[luma_[i]];
    return *this;
  }
  // Gaussian, new in each frame.
  Scene& noise(float sigma) {
    for (int y = 0; y < kHeight; ++y) {
      const auto start = random_() % (normal_.size() - kWidth);
      for (int x = 0; x < kWidth; ++x) at(x, y) = byte(at(x, y) + sigma * normal_[start + x]);
    }
    return *this;
  }

  // Borrows the frame as it is now.
  FrameView frame(double second) const {
    FrameView view;
    view.width_px = kWidth;
    view.height_px = kHeight;
    const uint8_t* chroma = luma_.data() + kWidth * kHeight;
    view.planes[0] = {luma_.data(), kWidth};
    view.planes[1] = {chroma, kWidth / 2};
    view.planes[2] = {chroma + kWidth * kHeight / 4, kWidth / 2};
    view.pts_ns = std::llround(second * 1e9);
    return view;
  }
  // 0 .. n - 1
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

 private:
  static constexpr int kAcross = kWidth + 2 * kMargin;
  static constexpr int kDown = kHeight + 2 * kMargin;

  static uint8_t byte(float value) {
    return static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
  }
  uint8_t& at(int x, int y) { return luma_[static_cast<size_t>(y) * kWidth + x]; }

  std::minstd_rand random_;
  std::vector<float> ground_;
  std::array<float, 65536> normal_{};
  std::vector<uint8_t> luma_;
};

}  // namespace m3::test
