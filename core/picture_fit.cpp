#include "core/picture_fit.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace m3 {
namespace {

constexpr int kLongestEdge = 16384;  // what a resampler takes

// Kr and Kb of the matrix that turns RGB into luma.
std::array<double, 2> luma_weights(YuvMatrix matrix) {
  if (matrix == YuvMatrix::kBt601) return {0.299, 0.114};
  return {0.2126, 0.0722};
}

uint8_t to_byte(double value) {
  return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
}

void copy_rows(const Plane& from, size_t from_x, int from_y, int rows, size_t row_bytes,
               uint8_t* to, size_t to_stride) {
  for (int row = 0; row < rows; ++row) {
    const uint8_t* line = from.data + (from_y + row) * from.stride_bytes + from_x;
    std::copy_n(line, row_bytes, to + static_cast<size_t>(row) * to_stride);
  }
}

}  // namespace

std::array<uint8_t, 3> rgb_to_yuv(const std::array<uint8_t, 3>& rgb, const Colorimetry& color) {
  const auto [kr, kb] = luma_weights(color.matrix);
  const double y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  const double u = (rgb[2] - y) / (2 * (1 - kb));
  const double v = (rgb[0] - y) / (2 * (1 - kr));
  if (color.full_range) return {to_byte(y), to_byte(u + 128), to_byte(v + 128)};
  return {to_byte(16 + y * 219 / 255), to_byte(128 + u * 224 / 255), to_byte(128 + v * 224 / 255)};
}

PaddedSquare plan_square(const FrameView& frame) {
  const Crop crop = crop_of(frame);
  const bool rgb = frame.format == PixelFormat::kRgb;
  const int whole = rgb ? ~0 : ~1;
  const int side = (std::max(crop.width_px, crop.height_px) + (rgb ? 0 : 1)) & whole;
  return {side, ((side - crop.width_px) / 2) & whole, ((side - crop.height_px) / 2) & whole};
}

FitPlan plan_fit(const PictureFit& fit, int width_px, int height_px) {
  const int size = fit.size_px;
  if (fit.kind == PictureFit::Kind::kStretch) return {size, size, 0, 0, 0, 0, size, size};
  const int64_t edge = fit.shortest_edge_px;
  const int64_t shorter = std::min(width_px, height_px);
  const int64_t longer = std::max(width_px, height_px) * edge / shorter;  // rounded down
  if (longer > kLongestEdge) {
    throw Error(ErrorCode::kInvalidArgument, "a frame of " + std::to_string(width_px) + "x" +
                                                 std::to_string(height_px) +
                                                 " is too long and thin for the model");
  }
  const int width = static_cast<int>(width_px <= height_px ? edge : longer);
  const int height = static_cast<int>(width_px <= height_px ? longer : edge);
  const auto cut = [size](int side) { return side > size ? (side - size) / 2 : 0; };
  const auto place = [size](int side) { return side < size ? (size - side + 1) / 2 : 0; };
  return {width,
          height,
          cut(width),
          cut(height),
          place(width),
          place(height),
          std::min(width, size),
          std::min(height, size)};
}

// Planes are padded as they are, before any conversion: a frame of a video keeps its cheap way
// through the resizer. There the offset is rounded down to even, so that chroma stays in place.
FrameView PictureFitter::padded(const FrameView& frame, const PictureFit& fit) {
  check(frame);
  if (frame.memory != MemoryKind::kHost) {
    throw Error(ErrorCode::kUnsupported, "a frame in device memory cannot be padded to a square");
  }
  const Crop crop = crop_of(frame);
  if (crop.width_px == crop.height_px) return frame;
  const bool rgb = frame.format == PixelFormat::kRgb;
  const auto [side, x, y] = plan_square(frame);
  FrameView square = frame;
  square.width_px = side;
  square.height_px = side;
  square.crop = {};
  const size_t pixels = static_cast<size_t>(side) * side;
  canvas_.resize(rgb ? pixels * 3 : pixels + pixels / 2);
  uint8_t* data = canvas_.data();
  const size_t stride = static_cast<size_t>(side) * (rgb ? 3 : 1);
  square.planes = {};
  square.planes[0] = {data, static_cast<ptrdiff_t>(stride)};
  if (rgb) {
    for (size_t at = 0; at < canvas_.size(); ++at) canvas_[at] = fit.background[at % 3];
    copy_rows(frame.planes[0], static_cast<size_t>(crop.x_px) * 3, crop.y_px, crop.height_px,
              static_cast<size_t>(crop.width_px) * 3, data + y * stride + size_t{3} * x, stride);
    return square;
  }
  const std::array<uint8_t, 3> colour = rgb_to_yuv(fit.background, frame.color);
  std::fill_n(data, pixels, colour[0]);
  copy_rows(frame.planes[0], static_cast<size_t>(crop.x_px), crop.y_px, crop.height_px,
            static_cast<size_t>(crop.width_px), data + y * stride + x, stride);
  const int half_width = (crop.x_px + crop.width_px + 1) / 2 - crop.x_px / 2;
  const int half_height = (crop.y_px + crop.height_px + 1) / 2 - crop.y_px / 2;
  const size_t half = static_cast<size_t>(side) / 2;
  const bool packed = frame.format == PixelFormat::kNv12;
  const size_t step = packed ? 2 : 1;  // bytes from one chroma sample to the next
  const size_t half_stride = half * step;
  const size_t planes = packed ? 1 : 2;
  for (size_t plane = 0; plane < planes; ++plane) {
    uint8_t* chroma = data + pixels + plane * half * half;
    square.planes[plane + 1] = {chroma, static_cast<ptrdiff_t>(half_stride)};
    for (size_t at = 0; at < half * half_stride; ++at)
      chroma[at] = packed ? colour[1 + at % 2] : colour[1 + plane];
    const int wide = std::min(half_width, static_cast<int>(half) - x / 2);
    const int tall = std::min(half_height, static_cast<int>(half) - y / 2);
    copy_rows(frame.planes[plane + 1], static_cast<size_t>(crop.x_px / 2) * step, crop.y_px / 2,
              tall, static_cast<size_t>(wide) * step,
              chroma + static_cast<size_t>(y / 2) * half_stride + static_cast<size_t>(x / 2) * step,
              half_stride);
  }
  return square;
}

void PictureFitter::run(const FrameView& frame, const PictureFit& fit, std::span<uint8_t> out) {
  if (fit.kind == PictureFit::Kind::kStretch) {
    return resizer_.run(frame, fit.size_px, fit.size_px, out);
  }
  const FrameView view = fit.kind == PictureFit::Kind::kPadded ? padded(frame, fit) : frame;
  check(view);
  const Crop crop = crop_of(view);
  const FitPlan plan = plan_fit(fit, crop.width_px, crop.height_px);
  const int size = fit.size_px;
  if (plan.width_px == size && plan.height_px == size) return resizer_.run(view, size, size, out);
  const auto bytes = [](int pixels) { return size_t{3} * static_cast<size_t>(pixels); };
  resized_.resize(bytes(plan.width_px) * static_cast<size_t>(plan.height_px));
  resizer_.run(view, plan.width_px, plan.height_px, resized_);
  if (plan.part_width_px < size || plan.part_height_px < size) {
    std::fill(out.begin(), out.end(), uint8_t{0});
  }
  const Plane resized{resized_.data(), ptrdiff_t{3} * plan.width_px};
  copy_rows(
      resized, bytes(plan.cut_x_px), plan.cut_y_px, plan.part_height_px, bytes(plan.part_width_px),
      out.data() + static_cast<size_t>(plan.place_y_px) * bytes(size) + bytes(plan.place_x_px),
      bytes(size));
}

}  // namespace m3
