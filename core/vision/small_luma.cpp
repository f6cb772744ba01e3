#include "core/vision/small_luma.h"

#include <algorithm>
#include <cmath>

namespace m3 {
namespace {

constexpr double kPixels = 320 * 180;
// Rows are added in lumps of this many bytes, a number that compilers turn into vectors.
constexpr int kLump = 64;

int block_for(int width_px, int height_px) {
  const double side = std::sqrt(static_cast<double>(width_px) * height_px / kPixels);
  return std::clamp(static_cast<int>(std::ceil(side - 0.25)), 1, std::min(width_px, height_px));
}

void add_row(const uint8_t* __restrict row, uint16_t* __restrict sums, int bytes) {
  int i = 0;
  for (; i + kLump <= bytes; i += kLump) {
    for (int j = 0; j < kLump; ++j) sums[i + j] = static_cast<uint16_t>(sums[i + j] + row[i + j]);
  }
  for (; i < bytes; ++i) sums[i] = static_cast<uint16_t>(sums[i] + row[i]);
}

}  // namespace

bool SmallLuma::read(const FrameView& frame) {
  const Crop crop = crop_of(frame);
  const bool rgb = frame.format == PixelFormat::kRgb;
  const bool changed = crop.width_px != frame_width_px_ || crop.height_px != frame_height_px_ ||
                       frame.format != format_ || crop.x_px != crop_x_px_ ||
                       crop.y_px != crop_y_px_ || frame.width_px != whole_width_px_ ||
                       frame.height_px != whole_height_px_;
  const int channels = rgb ? 3 : 1;
  if (changed) {
    frame_width_px_ = crop.width_px;
    frame_height_px_ = crop.height_px;
    format_ = frame.format;
    crop_x_px_ = crop.x_px;
    crop_y_px_ = crop.y_px;
    whole_width_px_ = frame.width_px;
    whole_height_px_ = frame.height_px;
    block_px_ = block_for(crop.width_px, crop.height_px);
    width_px_ = crop.width_px / block_px_;
    height_px_ = crop.height_px / block_px_;
    pixels_.assign(static_cast<size_t>(width_px_) * height_px_, 0);
    sums_.assign(static_cast<size_t>(width_px_) * block_px_ * channels, 0);
  }
  const Plane& plane = frame.planes[0];
  const uint8_t* row = plane.data + crop.y_px * plane.stride_bytes + crop.x_px * channels;
  for (int y = 0; y < height_px_; ++y) {
    add_rows(row, plane.stride_bytes, width_px_ * block_px_ * channels);
    finish_row(pixels_.data() + static_cast<size_t>(y) * width_px_, rgb);
    row += plane.stride_bytes * block_px_;
  }
  return changed;
}

// A block has 69 rows at most (16384x16384), so 16 bits hold the sums.
void SmallLuma::add_rows(const uint8_t* rows, ptrdiff_t stride_bytes, int bytes) {
  std::fill(sums_.begin(), sums_.end(), uint16_t{0});
  for (int r = 0; r < block_px_; ++r) add_row(rows + r * stride_bytes, sums_.data(), bytes);
}

void SmallLuma::finish_row(float* out, bool rgb) const {
  const float scale = 1.0F / static_cast<float>(block_px_ * block_px_);
  const uint16_t* sums = sums_.data();
  for (int x = 0; x < width_px_; ++x) {
    uint32_t sum[3] = {0, 0, 0};
    if (rgb) {
      for (int b = 0; b < block_px_; ++b, sums += 3) {
        for (int c = 0; c < 3; ++c) sum[c] += sums[c];
      }
      out[x] = scale * (0.299F * sum[0] + 0.587F * sum[1] + 0.114F * sum[2]);  // BT.601 weights
    } else {
      for (int b = 0; b < block_px_; ++b) sum[0] += *sums++;
      out[x] = scale * static_cast<float>(sum[0]);
    }
  }
}

}  // namespace m3
