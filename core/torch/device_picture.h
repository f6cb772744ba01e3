// The same as PictureFitter on the device where the frame lies: planes are resized by two matrix
// products with Pillow's weights, with bytes in between, and turned to RGB there. Results are
// within one step of PictureFitter's. Threads: DevicePictures is safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <mutex>
#include <tuple>

#include "core/frame.h"
#include "core/picture_fit.h"
#include "core/resample.h"

namespace m3 {

class DevicePictures {
 public:
  // device: of the frame's planes and of the result.
  DevicePictures(const PictureFit& fit, at::Device device) : fit_(fit), device_(device) {}

  // -> uint8 [3, size_px, size_px], RGB. When it returns the frame is not needed any more. Throws
  // kInvalidArgument for a frame that cannot be read as it describes itself.
  at::Tensor run(const FrameView& frame);

 private:
  // Of one axis: source samples, where the box begins and ends in them, samples of the result.
  using Geometry = std::tuple<int64_t, double, double, int64_t>;

  struct Planes;

  Planes planes_of(const FrameView& frame) const;
  Planes padded(const Planes& frame, const PaddedSquare& square);
  at::Tensor fitted(Planes frame);
  at::Tensor to_rgb(const Planes& frame, int64_t width, int64_t height);
  // plane: uint8 [channels, height, width] -> uint8 [channels, to_height, to_width]
  at::Tensor resize(const at::Tensor& plane, const Resampler::Box& box, int64_t to_width,
                    int64_t to_height);
  at::Tensor weights(const Geometry& geometry);

  const PictureFit fit_;
  const at::Device device_;
  std::mutex mutex_;
  std::map<Geometry, at::Tensor> weights_;  // guarded by mutex_; float32 [to, from]
};

}  // namespace m3
