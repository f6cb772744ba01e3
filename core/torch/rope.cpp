#include "core/torch/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/div.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sin.h>

#include <cmath>

namespace m3 {
namespace {

// frequencies: [head_dim / 2], radians a position.
at::Tensor stretched(const at::Tensor& frequencies, const RopeScaling& scaling) {
  if (scaling.kind == RopeScaling::Kind::kNone) return frequencies;
  at::Tensor slow = frequencies.div(scaling.factor);
  if (scaling.kind == RopeScaling::Kind::kLinear) return slow;
  // Llama 3 (Hugging Face's _compute_llama3_parameters): turns within the original context say
  // whether a wave is short.
  const at::Tensor turns = frequencies.mul(scaling.original_context / (2 * M_PI));
  const at::Tensor share = turns.sub(scaling.low_frequency_factor)
                               .div(scaling.high_frequency_factor - scaling.low_frequency_factor)
                               .clamp(0, 1);
  return slow.mul(share.neg().add(1)).add_(frequencies.mul(share));
}

}  // namespace

Rope::Rope(int64_t positions, int64_t head_dim, double theta, at::Device device,
           at::ScalarType dtype, const RopeScaling& scaling) {
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor frequencies =
      at::pow(theta, at::arange(0, head_dim, 2, options).div(static_cast<double>(head_dim)).neg());
  const at::Tensor angles =
      at::outer(at::arange(positions, options), stretched(frequencies, scaling));
  cos_ = angles.cos().to(device, dtype);
  sin_ = angles.sin().to(device, dtype);
}

void Rope::rotate(const at::Tensor& x, int64_t first, const at::Tensor& out) const {
  const int64_t rows = x.size(-2);
  const int64_t half = x.size(-1) / 2;
  const at::Tensor cos = cos_.narrow(0, first, rows);
  const at::Tensor sin = sin_.narrow(0, first, rows);
  const at::Tensor low = x.narrow(-1, 0, half);
  const at::Tensor high = x.narrow(-1, half, half);
  at::Tensor out_low = out.narrow(-1, 0, half);
  at::Tensor out_high = out.narrow(-1, half, half);
  at::mul_out(out_low, low, cos);
  out_low.addcmul_(high, sin, -1);
  at::mul_out(out_high, high, cos);
  out_high.addcmul_(low, sin);
}

RopeRows Rope::rows_at(const at::Tensor& positions) const {
  return {cos_.index_select(0, positions).unsqueeze(1),
          sin_.index_select(0, positions).unsqueeze(1)};
}

at::Tensor Rope::turned(const at::Tensor& x, const RopeRows& rows) {
  const int64_t half = x.size(2) / 2;
  const at::Tensor low = x.narrow(2, 0, half);
  const at::Tensor high = x.narrow(2, half, half);
  return at::cat({low * rows.cos - high * rows.sin, high * rows.cos + low * rows.sin}, 2);
}

}  // namespace m3
