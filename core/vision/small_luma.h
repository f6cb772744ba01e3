// SmallLuma: a frame's luma as a small picture of about 320x180 pixels, each the mean of a square
// block. All activity is measured on it: means of whole blocks keep what is large enough to matter,
// and noise and time go down with the area. Threads: not safe; one stream owns it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/frame.h"

namespace m3 {

class SmallLuma {
 public:
  // Reads the frame's crop, host memory only; a rest of less than a block at the right and bottom
  // is left out. Allocates only when the size changes; true when it did, or the crop moved: then
  // all earlier pictures show something else.
  bool read(const FrameView& frame);

  int width_px() const { return width_px_; }
  int height_px() const { return height_px_; }
  int block_px() const { return block_px_; }  // frame pixels along a side of a small pixel
  // Where the middle of a column or row of small pixels lies, in parts of the whole frame.
  double column_in_frame(int x) const {
    return (crop_x_px_ + (x + 0.5) * block_px_) / whole_width_px_;
  }
  double row_in_frame(int y) const {
    return (crop_y_px_ + (y + 0.5) * block_px_) / whole_height_px_;
  }
  // Luma 0..255, row-major, rows of width_px() without gaps.
  const std::vector<float>& pixels() const { return pixels_; }

 private:
  void add_rows(const uint8_t* rows, ptrdiff_t stride_bytes, int bytes);
  void finish_row(float* out, bool rgb) const;

  int width_px_ = 0;
  int height_px_ = 0;
  int block_px_ = 1;
  int frame_width_px_ = 0;
  int frame_height_px_ = 0;
  int crop_x_px_ = 0;
  int crop_y_px_ = 0;
  int whole_width_px_ = 1;
  int whole_height_px_ = 1;
  PixelFormat format_ = PixelFormat::kI420;
  std::vector<float> pixels_;
  std::vector<uint16_t> sums_;  // of the block's rows, one each byte of a row
};

}  // namespace m3
