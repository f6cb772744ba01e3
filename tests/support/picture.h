// Picture: pixels made by formula, in every format of FrameView, with odd sizes and padded rows as
// real frames have them.
//
// Threads: a value.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/frame.h"

namespace m3::test {

class Picture {
 public:
  // Black. pad_bytes: bytes behind each row, filled with 0xEE so that reading them shows.
  Picture(PixelFormat format, int width_px, int height_px, int pad_bytes = 0)
      : format_(format), width_(width_px), height_(height_px) {
    const int chroma_width = (width_px + 1) / 2;
    const int chroma_height = (height_px + 1) / 2;
    switch (format) {
      case PixelFormat::kI420:
        set_up(0, width_px, height_px, pad_bytes, 16);
        set_up(1, chroma_width, chroma_height, pad_bytes, 128);
        set_up(2, chroma_width, chroma_height, pad_bytes, 128);
        break;
      case PixelFormat::kNv12:
        set_up(0, width_px, height_px, pad_bytes, 16);
        set_up(1, 2 * chroma_width, chroma_height, pad_bytes, 128);
        break;
      case PixelFormat::kRgb:
        set_up(0, 3 * width_px, height_px, pad_bytes, 0);
        break;
    }
  }

  // value(byte, row) for every byte of a plane: "byte" counts bytes, not pixels, in RGB and
  // interleaved chroma.
  template <typename Value>
  Picture& fill(int plane, Value&& value) {
    Bytes& bytes = planes_[plane];
    for (int row = 0; row < bytes.rows; ++row) {
      for (int byte = 0; byte < bytes.row_bytes; ++byte) {
        bytes.data[static_cast<size_t>(row) * bytes.stride + byte] =
            static_cast<uint8_t>(value(byte, row));
      }
    }
    return *this;
  }
  Picture& fill_luma(int luma) {
    return fill(0, [luma](int, int) { return luma; });
  }

  // Borrows this picture.
  FrameView view() const {
    FrameView view;
    view.format = format_;
    view.width_px = width_;
    view.height_px = height_;
    for (size_t i = 0; i < planes_.size(); ++i) {
      if (planes_[i].rows > 0) view.planes[i] = {planes_[i].data.data(), planes_[i].stride};
    }
    return view;
  }
  const std::vector<uint8_t>& bytes(int plane) const { return planes_[plane].data; }

 private:
  struct Bytes {
    int row_bytes = 0;
    int rows = 0;
    int stride = 0;
    std::vector<uint8_t> data;  // exactly stride * rows bytes less the last row's padding
  };

  void set_up(int plane, int row_bytes, int rows, int pad_bytes, uint8_t value) {
    Bytes& bytes = planes_[plane];
    bytes.row_bytes = row_bytes;
    bytes.rows = rows;
    bytes.stride = row_bytes + pad_bytes;
    // The last row has no padding: real buffers end there, and a sanitizer sees who reads on.
    bytes.data.assign(static_cast<size_t>(bytes.stride) * rows - pad_bytes, 0xEE);
    fill(plane, [value](int, int) { return value; });
  }

  PixelFormat format_;
  int width_;
  int height_;
  std::array<Bytes, 3> planes_;
};

}  // namespace m3::test
