#include "core/torch/rope.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sin.h>

namespace m3 {

Rope::Rope(int64_t positions, int64_t head_dim, double theta, at::Device device,
           at::ScalarType dtype) {
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor frequencies =
      at::pow(theta, at::arange(0, head_dim, 2, options).div(static_cast<double>(head_dim)).neg());
  const at::Tensor angles = at::outer(at::arange(positions, options), frequencies);
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

}  // namespace m3
