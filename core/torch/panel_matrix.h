// PanelMatrix: a weight matrix in panels (panel_kernels.h) for products on the CPU, in float32 or
// bfloat16. Sums are float32; in bfloat16 only the result is rounded. Threads: immutable; safe from
// any thread. A product uses libtorch's threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/torch/panel_kernels.h"

namespace m3 {

class PanelMatrix {
 public:
  // Whether panels are the fastest way here: not in bfloat16 where the CPU multiplies bfloat16
  // itself, and not on a CPU that our kernels were not made for.
  static bool suits(at::Device device, at::ScalarType dtype);

  // weight: [out, in], contiguous, on the CPU, float32 or bfloat16. bias: [out] of the same dtype,
  // or undefined.
  PanelMatrix(const at::Tensor& weight, const at::Tensor& bias);

  // x: [..., in] -> [..., out], plus `other` of the same shape unless undefined. No gradients
  // flow through it.
  at::Tensor product(const at::Tensor& x, const at::Tensor& other) const;

 private:
  at::Tensor panels_;  // [panels, in, panels::kWidth]
  at::Tensor bias_;    // [out], float32
  int64_t outputs_;
  int64_t inputs_;
  panels::Cpu cpu_;
};

}  // namespace m3
