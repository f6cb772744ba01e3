// Convolution: a 2-D convolution with bias, padding that may be uneven, and ReLU6 taken in; weights
// laid out for the device once, at load. Activations are channels-last. Threads: immutable; safe
// from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace m3 {

struct ConvolutionSpec {
  std::array<int64_t, 4> shape{};  // out, in / groups, kernel height, kernel width
  int64_t stride = 1;
  int64_t groups = 1;
  std::array<int64_t, 4> pad{};  // pixels left, right, top, bottom
  bool relu6 = false;
};

class Convolution {
 public:
  // weight: spec.shape; bias: [out]; float32. height, width: of the input, for the choice of the
  // layout.
  Convolution(const ConvolutionSpec& spec, const at::Tensor& weight, const at::Tensor& bias,
              int64_t height, int64_t width, at::Device device, at::ScalarType dtype);

  // x: [B, in, H, W] channels-last -> [B, out, H', W'] channels-last
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  std::array<int64_t, 2> stride_;
  std::array<int64_t, 2> pad_;  // height, width; the same on both sides
  int64_t groups_;
  bool relu6_;
  bool blocked_ = false;  // weight in oneDNN's own layout
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace m3
