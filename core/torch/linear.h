// Linear: y = x W^T + b with weights laid out for the device once, at load. On the CPU that is in
// panels (panel_matrix.h), or, where those do not suit, in oneDNN's blocked layout. In both a row's
// result does not depend on the rows beside it, so cutting and batching work leaves every answer as
// it is. Threads: immutable; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/torch/panel_matrix.h"

namespace m3 {

// What is learned on top of a matrix W that stays: y = (W + full) x + factor * B (A x), with a B of
// their own for each of the parts that y's rows are cut into. What is undefined is not there.
struct MatrixUpdate {
  at::Tensor a;               // [parts * rank, in], the parts one above the other
  std::vector<at::Tensor> b;  // one a part: [its rows of y, rank]
  double factor = 1;
  at::Tensor full;  // as large as W
};

class Linear {
 public:
  Linear() = default;
  // weight: [out, in]; bias: [out] or undefined. Both are taken to `device` and `dtype`. Not for
  // what learns: no gradients flow through it.
  Linear(const at::Tensor& weight, const at::Tensor& bias, at::Device device, at::ScalarType dtype);
  // The same in the plain layout: gradients flow through it, to `x`, to the update's tensors
  // (leaves of any dtype, on `device`) and to weight and bias where they want them.
  static Linear plain(const at::Tensor& weight, const at::Tensor& bias, at::Device device,
                      at::ScalarType dtype, MatrixUpdate update = {});

  // x: [rows, in] -> [rows, out]
  at::Tensor operator()(const at::Tensor& x) const;
  // The same with `other` [rows, out] added.
  at::Tensor add(const at::Tensor& x, const at::Tensor& other) const;

  int64_t parameters() const { return parameters_; }

 private:
  at::Tensor plain_product(const at::Tensor& x) const;
  at::Tensor updated(const at::Tensor& x, const at::Tensor& y) const;

  std::optional<PanelMatrix> panels_;  // then weight_ and bias_ are undefined
  at::Tensor weight_;                  // [out, in], plain or in oneDNN's blocked layout
  at::Tensor bias_;
  bool blocked_ = false;
  MatrixUpdate update_;
  int64_t parameters_ = 0;
};

}  // namespace m3
