// Bicubic resize of bytes, equal to Pillow's: a = -0.5, support widened when shrinking, weights rounded to 22-bit
// integers, the horizontal pass first, bytes in between (Pillow, src/libImaging/Resample.c). A Resampler keeps its
// tables and its buffer for one geometry.
// Threads: one Resampler is used from one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/export.h"
#include "core/frame.h"

namespace m3 {

class M3_API Resampler {
 public:
  // Resizes `source` (interleaved bytes, `channels` 1..4, from_width x from_height) to to_width x to_height in `out`
  // ([to_height, to_width, channels], packed). Tables are rebuilt only when the geometry changes.
  void run(const Plane& source, int from_width, int from_height, int channels, int to_width, int to_height,
           std::span<uint8_t> out);

 private:
  struct Axis {
    int from = 0;
    int to = 0;
    int taps = 0;                  // the most source samples of one output sample
    std::vector<int> first;        // [to] first source sample
    std::vector<int> count;        // [to] source samples used
    std::vector<int32_t> weights;  // [to, taps], scaled by 2^22
    void build(int from_size, int to_size);
  };
  Axis x_;
  Axis y_;
  std::vector<uint8_t> middle_;  // [from_height, to_width, channels]
};

// Frame to packed RGB [height, width, 3] at the given size, stretched. On YUV frames planes are resized first and
// converted after (cheap on the video path); on RGB frames the bytes are resized. Honours the frame's crop.
class M3_API RgbResizer {
 public:
  // Throws kUnsupported for device memory, kInvalidArgument for impossible sizes.
  void run(const FrameView& frame, int width_px, int height_px, std::span<uint8_t> out);

 private:
  Resampler luma_;
  Resampler chroma_;
  std::vector<uint8_t> planes_;  // Y, U, V at the target size
};

}  // namespace m3
