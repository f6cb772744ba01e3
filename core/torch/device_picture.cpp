#include "core/torch/device_picture.h"

#include <ATen/ops/clamp.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/resample.h"
#include "core/torch/border.h"

namespace m3 {
namespace {

constexpr size_t kMostWeights = 64;  // geometries kept: six a kind of frame

// Rounded as integers are that were scaled up: halves upwards.
at::Tensor to_bytes(const at::Tensor& x) {
  return at::floor(x.add(0.5)).clamp_(0, 255).to(at::kByte);
}

// uint8 [channels, height, width], borrowed.
at::Tensor borrowed(const Plane& plane, int64_t width, int64_t height, int64_t channels,
                    at::Device device) {
  // Never written to: from_blob has no form for constant memory.
  auto* data = const_cast<uint8_t*>(plane.data);
  return at::from_blob(data, {channels, height, width}, {1, plane.stride_bytes, channels},
                       at::TensorOptions(device).dtype(at::kByte));
}

}  // namespace

// A frame whose planes are tensors [channels, height, width].
struct DevicePictures::Planes {
  PixelFormat format;
  Colorimetry color;
  Crop crop;
  std::vector<at::Tensor> planes;  // RGB; Y, U, V; or Y, UV
};

at::Tensor DevicePictures::run(const FrameView& frame) {
  check(frame);
  return at_border("resizing a frame on " + device_.str(), [&] {
    const c10::InferenceMode inference;
    std::optional<c10::Stream> stream;
    std::optional<c10::StreamGuard> guard;
    if (!device_.is_cpu()) {
      // libtorch names a foreign CUDA stream by its pointer, and the default one by 0.
      stream.emplace(c10::Stream::UNSAFE, device_,
                     static_cast<c10::StreamId>(reinterpret_cast<intptr_t>(frame.cuda_stream)));
      guard.emplace(*stream);
    }
    const at::Tensor picture = fitted(planes_of(frame));
    if (stream) stream->synchronize();
    return picture;
  });
}

DevicePictures::Planes DevicePictures::planes_of(const FrameView& frame) const {
  Planes result{frame.format, frame.color, crop_of(frame), {}};
  const int64_t width = frame.width_px;
  const int64_t height = frame.height_px;
  if (frame.format == PixelFormat::kRgb) {
    result.planes = {borrowed(frame.planes[0], width, height, 3, device_)};
    return result;
  }
  const int64_t half_width = (width + 1) / 2;
  const int64_t half_height = (height + 1) / 2;
  result.planes = {borrowed(frame.planes[0], width, height, 1, device_)};
  if (frame.format == PixelFormat::kNv12) {
    result.planes.push_back(borrowed(frame.planes[1], half_width, half_height, 2, device_));
  } else {
    for (const size_t plane : {1, 2}) {
      result.planes.push_back(borrowed(frame.planes[plane], half_width, half_height, 1, device_));
    }
  }
  return result;
}

// As PictureFitter::padded().
DevicePictures::Planes DevicePictures::padded(const Planes& frame, const PaddedSquare& square) {
  const bool rgb = frame.format == PixelFormat::kRgb;
  const std::array<uint8_t, 3> colour =
      rgb ? fit_.background : rgb_to_yuv(fit_.background, frame.color);
  Planes result{frame.format, frame.color, {0, 0, square.side_px, square.side_px}, {}};
  size_t channel = 0;
  for (size_t number = 0; number < frame.planes.size(); ++number) {
    const at::Tensor& plane = frame.planes[number];
    const int64_t part = number > 0 ? 2 : 1;  // pixels a sample
    const int64_t side = square.side_px / part;
    const int64_t x = frame.crop.x_px / part;
    const int64_t y = frame.crop.y_px / part;
    const int64_t wide = std::min((frame.crop.x_px + frame.crop.width_px + part - 1) / part - x,
                                  side - square.x_px / part);
    const int64_t tall = std::min((frame.crop.y_px + frame.crop.height_px + part - 1) / part - y,
                                  side - square.y_px / part);
    std::vector<at::Tensor> channels;
    for (int64_t i = 0; i < plane.size(0); ++i) {
      channels.push_back(at::full({side, side}, int64_t{colour[channel++]}, plane.options()));
      channels.back()
          .narrow(0, square.y_px / part, tall)
          .narrow(1, square.x_px / part, wide)
          .copy_(plane[i].narrow(0, y, tall).narrow(1, x, wide));
    }
    result.planes.push_back(at::stack(channels));
  }
  return result;
}

at::Tensor DevicePictures::fitted(Planes frame) {
  const Crop& crop = frame.crop;
  if (fit_.kind == PictureFit::Kind::kPadded && crop.width_px != crop.height_px) {
    FrameView shape;
    shape.format = frame.format;
    shape.width_px = crop.width_px;
    shape.height_px = crop.height_px;
    frame = padded(frame, plan_square(shape));
  }
  const FitPlan plan = plan_fit(fit_, frame.crop.width_px, frame.crop.height_px);
  const at::Tensor resized = to_rgb(frame, plan.width_px, plan.height_px);
  const at::Tensor part = resized.narrow(1, plan.cut_y_px, plan.part_height_px)
                              .narrow(2, plan.cut_x_px, plan.part_width_px);
  const int64_t size = fit_.size_px;
  if (plan.part_width_px == size && plan.part_height_px == size)
    return part.clone(at::MemoryFormat::Contiguous);
  const at::Tensor picture = at::zeros({3, size, size}, part.options());
  picture.narrow(1, plan.place_y_px, plan.part_height_px)
      .narrow(2, plan.place_x_px, plan.part_width_px)
      .copy_(part);
  return picture;
}

// uint8 [3, height, width]
at::Tensor DevicePictures::to_rgb(const Planes& frame, int64_t width, int64_t height) {
  const Crop& crop = frame.crop;
  const Resampler::Box whole{0, 0, static_cast<double>(crop.width_px),
                             static_cast<double>(crop.height_px)};
  const at::Tensor first = resize(
      frame.planes[0].narrow(1, crop.y_px, crop.height_px).narrow(2, crop.x_px, crop.width_px),
      whole, width, height);
  if (frame.format == PixelFormat::kRgb) return first;
  const int64_t x = crop.x_px / 2;
  const int64_t y = crop.y_px / 2;
  const int64_t half_width = (crop.x_px + crop.width_px + 1) / 2 - x;
  const int64_t half_height = (crop.y_px + crop.height_px + 1) / 2 - y;
  const Resampler::Box box{crop.x_px / 2.0 - static_cast<double>(x),
                           crop.y_px / 2.0 - static_cast<double>(y),
                           (crop.x_px + crop.width_px) / 2.0 - static_cast<double>(x),
                           (crop.y_px + crop.height_px) / 2.0 - static_cast<double>(y)};
  std::vector<at::Tensor> chroma;  // float32 [height, width], 0 at grey
  for (size_t plane = 1; plane < frame.planes.size(); ++plane) {
    const at::Tensor samples = resize(
        frame.planes[plane].narrow(1, y, half_height).narrow(2, x, half_width), box, width, height);
    for (int64_t i = 0; i < samples.size(0); ++i) {
      chroma.push_back(samples[i].to(at::kFloat).sub_(128));
    }
  }
  const bool bt709 = frame.color.matrix == YuvMatrix::kBt709;
  const double red = bt709 ? 0.2126 : 0.299;
  const double blue = bt709 ? 0.0722 : 0.114;
  const double green = 1 - red - blue;
  const double range = frame.color.full_range ? 1 : 255.0 / 224;
  const at::Tensor luma = frame.color.full_range
                              ? first[0].to(at::kFloat)
                              : first[0].to(at::kFloat).sub_(16).mul_(255.0 / 219);
  const at::Tensor u = chroma[0].mul(range);
  const at::Tensor v = chroma[1].mul(range);
  return to_bytes(
      at::stack({luma.add(v, 2 * (1 - red)),
                 luma.add(u, -2 * (1 - blue) * blue / green).add_(v, -2 * (1 - red) * red / green),
                 luma.add(u, 2 * (1 - blue))}));
}

at::Tensor DevicePictures::resize(const at::Tensor& plane, const Resampler::Box& box,
                                  int64_t to_width, int64_t to_height) {
  const int64_t height = plane.size(1);
  const int64_t width = plane.size(2);
  const auto keeps = [](int64_t from, double begin, double end, int64_t to) {
    return from == to && begin == 0 && end == static_cast<double>(from);
  };
  at::Tensor x = plane;
  const auto rows = [&] {
    if (keeps(width, box.x_begin, box.x_end, to_width)) return;
    x = to_bytes(at::matmul(x.to(at::kFloat),
                            weights({width, box.x_begin, box.x_end, to_width}).transpose(0, 1)));
  };
  const auto columns = [&] {
    if (keeps(height, box.y_begin, box.y_end, to_height)) return;
    x = to_bytes(
        at::matmul(weights({height, box.y_begin, box.y_end, to_height}), x.to(at::kFloat)));
  };
  const auto side = [](int64_t number) { return static_cast<int>(number); };
  if (Resampler::columns_first(side(width), side(height), side(to_width), side(to_height))) {
    columns();
    rows();
  } else {
    rows();
    columns();
  }
  return x;
}

at::Tensor DevicePictures::weights(const Geometry& geometry) {
  const std::scoped_lock lock(mutex_);
  const auto known = weights_.find(geometry);
  if (known != weights_.end()) return known->second;
  const auto& [from, begin, end, to] = geometry;
  std::vector<float> matrix =
      Resampler::weights_of(static_cast<int>(from), begin, end, static_cast<int>(to));
  const at::Tensor made = at::from_blob(matrix.data(), {to, from}, at::TensorOptions())
                              .to(at::TensorOptions(device_), false, true);
  if (weights_.size() >= kMostWeights) weights_.clear();
  weights_.emplace(geometry, made);
  return made;
}

}  // namespace m3
