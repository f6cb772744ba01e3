// TestPicture: a 720p frame of smooth shapes that move with its number, as a camera would give it:
// I420, padded rows. Threads: a value; the view borrows it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/frame.h"

namespace m3::bench {

class TestPicture {
 public:
  explicit TestPicture(int number = 0) : bytes_(kStride * kHeight * 3 / 2) {
    for (int plane = 0; plane < 3; ++plane) {
      const int half = plane == 0 ? 1 : 2;
      uint8_t* rows = bytes_.data() + offset(plane);
      for (int y = 0; y < kHeight / half; ++y) {
        for (int x = 0; x < kWidth / half; ++x) {
          const int wave = (x * half + 5 * number) * (y * half) / 512 + plane * 37;
          rows[y * (kStride / half) + x] = static_cast<uint8_t>(16 + wave % 208);
        }
      }
    }
  }

  FrameView view() const {
    FrameView view;
    view.format = PixelFormat::kI420;
    view.width_px = kWidth;
    view.height_px = kHeight;
    for (int plane = 0; plane < 3; ++plane) {
      view.planes[static_cast<size_t>(plane)] = {bytes_.data() + offset(plane),
                                                 kStride / (plane == 0 ? 1 : 2)};
    }
    return view;
  }

 private:
  static constexpr int kWidth = 1280;
  static constexpr int kHeight = 720;
  static constexpr int kStride = 1344;

  static size_t offset(int plane) {
    const size_t luma = size_t{kStride} * kHeight;
    return plane == 0 ? 0 : plane == 1 ? luma : luma + luma / 4;
  }

  std::vector<uint8_t> bytes_;
};

}  // namespace m3::bench
