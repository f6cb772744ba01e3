// Rope: rotary position embedding, the half-split kind (dimension i turns with i + head_dim/2).
// Threads: immutable; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/model/model_config.h"

namespace m3 {

// Turns of rows that stand at any positions.
struct RopeRows {
  at::Tensor cos;  // [rows, 1, head_dim / 2]
  at::Tensor sin;
};

class Rope {
 public:
  // Tables for positions 0..positions-1, computed in float32 as the reference does, then cast.
  Rope(int64_t positions, int64_t head_dim, double theta, at::Device device, at::ScalarType dtype,
       const RopeScaling& scaling = {});

  // Turns x [..., rows, head_dim] to positions first, first+1, ... into `out` of the same shape,
  // which must not overlap x.
  void rotate(const at::Tensor& x, int64_t first, const at::Tensor& out) const;

  // positions: [rows], int64, each below positions()
  RopeRows rows_at(const at::Tensor& positions) const;
  // x: [rows, heads, head_dim], turned; gradients flow through.
  static at::Tensor turned(const at::Tensor& x, const RopeRows& rows);

  int64_t positions() const { return cos_.size(0); }

 private:
  at::Tensor cos_;  // [positions, head_dim / 2]
  at::Tensor sin_;
};

}  // namespace m3
