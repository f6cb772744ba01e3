#include "core/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/resample_kernels.h"
#include "core/yuv_to_rgb.h"

namespace m3 {
namespace {

constexpr int kMaxSide = 16384;

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::kInvalidArgument, "Resize: " + text);
}

void check_size(const char* what, int width, int height) {
  if (width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide) return;
  refuse(std::string(what) + " " + std::to_string(width) + "x" + std::to_string(height) +
         " is not in 1.." + std::to_string(kMaxSide) + " a side");
}

}  // namespace

void Resampler::Axis::build(int from_size, double box_begin, double box_end, int to_size) {
  if (from == from_size && to == to_size && begin == box_begin && end == box_end) return;
  from = from_size;
  to = to_size;
  begin = box_begin;
  end = box_end;
  const double scale = (end - begin) / to;
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  first.resize(to);
  count.resize(to);
  weights.assign(static_cast<size_t>(to) * taps, 0);
  std::vector<double> exact(taps);
  for (int i = 0; i < to; ++i) {
    const double center = begin + (i + 0.5) * scale;
    first[i] = std::max(static_cast<int>(center - support + 0.5), 0);
    count[i] = std::min(static_cast<int>(center + support + 0.5), from) - first[i];
    double sum = 0;
    for (int t = 0; t < count[i]; ++t) {
      exact[t] = bicubic((t + first[i] - center + 0.5) * (1.0 / filter_scale));
      sum += exact[t];
    }
    for (int t = 0; t < count[i]; ++t) {
      const double weight = (sum != 0.0 ? exact[t] / sum : exact[t]) * (1 << kWeightBits);
      weights[static_cast<size_t>(i) * taps + t] =
          static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
}

std::vector<float> Resampler::weights_of(int from, double box_begin, double box_end, int to) {
  check_size("an axis of", from, to);
  if (box_begin < 0 || box_begin >= box_end || box_end > from) {
    refuse("the box does not lie in the source");
  }
  Axis axis;
  axis.build(from, box_begin, box_end, to);
  std::vector<float> matrix(static_cast<size_t>(from) * static_cast<size_t>(to));
  for (int row = 0; row < to; ++row) {
    float* const weights = matrix.data() + static_cast<size_t>(row) * static_cast<size_t>(from);
    for (int tap = 0; tap < axis.count[row]; ++tap) {
      weights[axis.first[row] + tap] =
          static_cast<float>(axis.weights[static_cast<size_t>(row) * axis.taps + tap]) /
          (1 << kWeightBits);
    }
  }
  return matrix;
}

// Pillow's choice since version 13; bytes in between make the order show.
bool Resampler::columns_first(int from_width, int from_height, int to_width, int to_height) {
  return to_height < from_height && from_height - to_height > 2 * (from_width - to_width);
}

void Resampler::resize_rows(const Plane& source, int rows, int channels, uint8_t* out) {
  const size_t from_bytes = static_cast<size_t>(x_.from) * channels;
  const size_t to_bytes = static_cast<size_t>(x_.to) * channels;
  lanes_.resize(from_bytes * kLanes);
  out_lanes_.resize(to_bytes * kLanes);
  const Taps taps{x_.first.data(), x_.count.data(), x_.weights.data(), x_.taps, x_.to};
  for (int row = 0; row < rows; row += kLanes) {
    const int used = std::min(kLanes, rows - row);
    rows_to_lanes(source.data + row * source.stride_bytes, source.stride_bytes, used, from_bytes,
                  lanes_.data());
    resize_lanes(taps, lanes_.data(), channels, out_lanes_.data());
    lanes_to_rows(out_lanes_.data(), used, to_bytes, out + row * to_bytes);
  }
}

void Resampler::resize_columns(const Plane& source, int row_bytes, uint8_t* out) {
  sums_.resize(row_bytes);
  for (int row = 0; row < y_.to; ++row) {
    blend_rows(source.data + y_.first[row] * source.stride_bytes, source.stride_bytes,
               y_.weights.data() + static_cast<size_t>(row) * y_.taps, y_.count[row], row_bytes,
               sums_.data(), out + static_cast<size_t>(row) * row_bytes);
  }
}

void Resampler::run(const Plane& source, int from_width, int from_height, int channels,
                    int to_width, int to_height, std::span<uint8_t> out) {
  const Box whole{0, 0, static_cast<double>(from_width), static_cast<double>(from_height)};
  run(source, from_width, from_height, channels, whole, to_width, to_height, out);
}

void Resampler::run(const Plane& source, int from_width, int from_height, int channels,
                    const Box& box, int to_width, int to_height, std::span<uint8_t> out) {
  check_size("a source of", from_width, from_height);
  check_size("a target of", to_width, to_height);
  if (channels < 1 || channels > 4) refuse(std::to_string(channels) + " channels are not in 1..4");
  if (source.data == nullptr || source.stride_bytes < ptrdiff_t{from_width} * channels) {
    refuse("the source has no rows of " + std::to_string(from_width * channels) + " bytes");
  }
  if (out.size() != static_cast<size_t>(to_width) * to_height * channels) {
    refuse("room for " + std::to_string(out.size()) + " bytes given, the target has " +
           std::to_string(static_cast<size_t>(to_width) * to_height * channels));
  }
  const bool inside = box.x_begin >= 0 && box.x_begin < box.x_end && box.x_end <= from_width &&
                      box.y_begin >= 0 && box.y_begin < box.y_end && box.y_end <= from_height;
  if (!inside) refuse("the box does not lie in the source");

  x_.build(from_width, box.x_begin, box.x_end, to_width);
  y_.build(from_height, box.y_begin, box.y_end, to_height);
  const int from_bytes = from_width * channels;
  const int to_bytes = to_width * channels;
  if (x_.keeps() && y_.keeps()) {
    for (int row = 0; row < to_height; ++row) {
      std::memcpy(out.data() + static_cast<size_t>(row) * to_bytes,
                  source.data + row * source.stride_bytes, to_bytes);
    }
  } else if (y_.keeps()) {
    resize_rows(source, from_height, channels, out.data());
  } else if (x_.keeps()) {
    resize_columns(source, to_bytes, out.data());
  } else if (columns_first(from_width, from_height, to_width, to_height)) {
    middle_.resize(static_cast<size_t>(to_height) * from_bytes);
    resize_columns(source, from_bytes, middle_.data());
    resize_rows({middle_.data(), from_bytes}, to_height, channels, out.data());
  } else {
    middle_.resize(static_cast<size_t>(from_height) * to_bytes);
    resize_rows(source, from_height, channels, middle_.data());
    resize_columns({middle_.data(), to_bytes}, to_bytes, out.data());
  }
}

void RgbResizer::run(const FrameView& frame, int width_px, int height_px, std::span<uint8_t> out) {
  check(frame);
  check_size("a target of", width_px, height_px);
  if (frame.memory != MemoryKind::kHost) {
    throw Error(ErrorCode::kUnsupported, "Resize: the frame lies in device memory");
  }
  const Crop crop = crop_of(frame);
  const auto part = [](const Plane& plane, int x_bytes, int y) {
    return Plane{plane.data + y * plane.stride_bytes + x_bytes, plane.stride_bytes};
  };
  if (frame.format == PixelFormat::kRgb) {
    luma_.run(part(frame.planes[0], 3 * crop.x_px, crop.y_px), crop.width_px, crop.height_px, 3,
              width_px, height_px, out);
    return;
  }
  const size_t pixels = static_cast<size_t>(width_px) * height_px;
  if (out.size() != 3 * pixels) {
    refuse("room for " + std::to_string(out.size()) + " bytes given, the target has " +
           std::to_string(3 * pixels));
  }
  planes_.resize(3 * pixels);
  const std::span<uint8_t> planes(planes_);
  luma_.run(part(frame.planes[0], crop.x_px, crop.y_px), crop.width_px, crop.height_px, 1, width_px,
            height_px, planes.first(pixels));

  // The crop in chroma samples may begin or end in the middle of one.
  const int x = crop.x_px / 2;
  const int y = crop.y_px / 2;
  const int width = (crop.x_px + crop.width_px + 1) / 2 - x;
  const int height = (crop.y_px + crop.height_px + 1) / 2 - y;
  const Resampler::Box box{crop.x_px / 2.0 - x, crop.y_px / 2.0 - y,
                           (crop.x_px + crop.width_px) / 2.0 - x,
                           (crop.y_px + crop.height_px) / 2.0 - y};
  if (frame.format == PixelFormat::kNv12) {
    chroma_.run(part(frame.planes[1], 2 * x, y), width, height, 2, box, width_px, height_px,
                planes.last(2 * pixels));
    yuv_to_rgb(frame.color, planes_.data(), &planes_[pixels], &planes_[pixels + 1], 2, pixels,
               out.data());
    return;
  }
  for (int plane = 1; plane <= 2; ++plane) {
    chroma_.run(part(frame.planes[plane], x, y), width, height, 1, box, width_px, height_px,
                planes.subspan(plane * pixels, pixels));
  }
  yuv_to_rgb(frame.color, planes_.data(), &planes_[pixels], &planes_[2 * pixels], 1, pixels,
             out.data());
}

}  // namespace m3
