// Bicubic resize of bytes, equal to Pillow 13's bit by bit: a = -0.5, support widened when
// shrinking, weights rounded to 22-bit integers, one axis after the other with bytes in between:
// the horizontal one first, unless the height shrinks by much more (Pillow,
// src/libImaging/Resample.c; before version 13 always). A Resampler keeps its tables and its
// buffers for one geometry.
//
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
  // A part of the source in samples, fractions allowed, as Pillow's `box`: what lies around it
  // still shines into its edges.
  struct Box {
    double x_begin = 0;
    double y_begin = 0;
    double x_end = 0;
    double y_end = 0;
  };

  // Resizes `source` (interleaved bytes, `channels` 1..4, from_width x from_height) to to_width x
  // to_height in `out` ([to_height, to_width, channels], packed). Sizes: 1..16384. Tables are
  // rebuilt only when the geometry changes. Throws kInvalidArgument.
  void run(const Plane& source, int from_width, int from_height, int channels, int to_width,
           int to_height, std::span<uint8_t> out);
  void run(const Plane& source, int from_width, int from_height, int channels, const Box& box,
           int to_width, int to_height, std::span<uint8_t> out);

  // The weights of one axis as a matrix [to, from], by row: for what resizes by matrix products.
  // Throws kInvalidArgument for sizes outside 1..16384 or a box that does not lie in the source.
  static std::vector<float> weights_of(int from, double box_begin, double box_end, int to);
  // Which axis run() resizes first when it resizes both.
  static bool columns_first(int from_width, int from_height, int to_width, int to_height);

 private:
  struct Axis {
    int from = 0;
    int to = 0;
    double begin = 0;  // of the box
    double end = 0;
    int taps = 0;                  // the most source samples of one output sample
    std::vector<int> first;        // [to] first source sample
    std::vector<int> count;        // [to] source samples used
    std::vector<int32_t> weights;  // [to, taps], scaled by 2^22

    void build(int from_size, double box_begin, double box_end, int to_size);
    bool keeps() const { return from == to && begin == 0 && end == from; }
  };

  void resize_rows(const Plane& source, int rows, int channels, uint8_t* out);
  void resize_columns(const Plane& source, int row_bytes, uint8_t* out);

  Axis x_;
  Axis y_;
  std::vector<uint8_t> middle_;     // resized along the first axis: [rows, columns, channels]
  std::vector<uint8_t> lanes_;      // some rows side by side: [from_width, channels, rows]
  std::vector<uint8_t> out_lanes_;  // the same rows resized: [to_width, channels, rows]
  std::vector<int32_t> sums_;       // one row
};

// Frame to packed RGB [height, width, 3] at the given size, stretched. On YUV frames planes are
// resized first and converted after (cheap on the video path); on RGB frames the bytes are resized.
// Nothing outside the frame's crop is looked at, except that a chroma sample belongs to two pixels.
class M3_API RgbResizer {
 public:
  // Throws kUnsupported for device memory, kInvalidArgument for impossible frames or sizes.
  void run(const FrameView& frame, int width_px, int height_px, std::span<uint8_t> out);

 private:
  Resampler luma_;  // and RGB
  Resampler chroma_;
  std::vector<uint8_t> planes_;  // at the target size: Y, then U and V or interleaved UV
};

}  // namespace m3
