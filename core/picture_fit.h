// PictureFit: how a frame of any shape becomes the square picture that a vision tower takes, and
// PictureFitter, which does it. Resizing is Pillow's bicubic (core/resample.h); sizes and offsets
// are those of Hugging Face's image processors.
//
// Threads: PictureFit is a value; one PictureFitter is used from one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/export.h"
#include "core/frame.h"
#include "core/resample.h"

namespace m3 {

struct PictureFit {
  enum class Kind {
    kStretch,  // to size_px x size_px, whatever the shape was
    kCrop,     // the shorter edge to shortest_edge_px, then the middle size_px x size_px; what is
               // missing there is black
    kPadded,   // centred on a square of `background`, then as kCrop
  };
  Kind kind = Kind::kStretch;
  int size_px = 384;                    // 1..4096; side of the result
  int shortest_edge_px = 0;             // 1..4096; not used by kStretch
  std::array<uint8_t, 3> background{};  // RGB, kPadded only
};

// Where the parts of a frame go: what PictureFitter follows, and what does the same elsewhere.
struct FitPlan {
  int width_px;  // that the frame is resized to
  int height_px;
  int cut_x_px;  // of the resized frame, where the part that is kept begins
  int cut_y_px;
  int place_x_px;  // of the result, where that part goes; black around it
  int place_y_px;
  int part_width_px;
  int part_height_px;
};
// For a frame of this size (kPadded: the square's). Throws kInvalidArgument for one so long and
// thin that its resized form has an edge over 16384.
M3_API FitPlan plan_fit(const PictureFit& fit, int width_px, int height_px);

// The square around a frame's crop, for kPadded. On YUV all numbers are even, so that chroma
// samples stay in place.
struct PaddedSquare {
  int side_px;
  int x_px;  // of the crop in it
  int y_px;
};
M3_API PaddedSquare plan_square(const FrameView& frame);
// The colour as Y, U, V of this colorimetry.
M3_API std::array<uint8_t, 3> rgb_to_yuv(const std::array<uint8_t, 3>& rgb,
                                         const Colorimetry& color);

class M3_API PictureFitter {
 public:
  // `out`: packed RGB [size_px, size_px, 3]. Throws what RgbResizer throws, and kInvalidArgument
  // for a frame so long and thin that its resized form has an edge over 16384.
  void run(const FrameView& frame, const PictureFit& fit, std::span<uint8_t> out);

 private:
  FrameView padded(const FrameView& frame, const PictureFit& fit);

  RgbResizer resizer_;
  std::vector<uint8_t> resized_;  // before the crop
  std::vector<uint8_t> canvas_;   // kPadded: the planes of the square
};

}  // namespace m3
