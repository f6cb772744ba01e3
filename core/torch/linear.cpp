#include "core/torch/linear.h"

#include <ATen/ops/add.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>

#include <optional>
#include <utility>

#include "core/torch/onednn.h"

namespace m3 {
namespace {

// Rows that the blocked layout is chosen for: a short span or question.
constexpr int64_t kTypicalRows = 16;

std::optional<at::Tensor> optional_of(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

Linear::Linear(const at::Tensor& weight, const at::Tensor& bias, at::Device device,
               at::ScalarType dtype)
    : weight_(weight.to(device, dtype).contiguous()),
      bias_(bias.defined() ? bias.to(device, dtype).contiguous() : at::Tensor()),
      parameters_(weight.numel() + (bias.defined() ? bias.numel() : 0)) {
  if (PanelMatrix::suits(device, dtype)) {
    panels_.emplace(weight_, bias_);
    weight_.reset();
    bias_.reset();
  } else if (device.is_cpu() && dtype == at::kFloat && onednn::linear_operators() != nullptr) {
    weight_ = onednn::linear_operators()->reorder.call(weight_, kTypicalRows);
    blocked_ = true;
  }
}

Linear Linear::plain(const at::Tensor& weight, const at::Tensor& bias, at::Device device,
                     at::ScalarType dtype, MatrixUpdate update) {
  Linear linear;
  // What a full update adds is often less than a bfloat16 of W can tell: the sum is rounded.
  linear.weight_ = weight.to(device, update.full.defined() ? at::kFloat : dtype).contiguous();
  if (bias.defined()) linear.bias_ = bias.to(device, dtype).contiguous();
  linear.parameters_ = weight.numel() + (bias.defined() ? bias.numel() : 0);
  linear.update_ = std::move(update);
  return linear;
}

at::Tensor Linear::plain_product(const at::Tensor& x) const {
  if (!update_.full.defined()) return at::linear(x, weight_, optional_of(bias_));
  const at::Tensor weight = at::add(weight_, update_.full).to(x.scalar_type());
  return at::linear(x, weight, optional_of(bias_));
}

// y with what A and B give added.
at::Tensor Linear::updated(const at::Tensor& x, const at::Tensor& y) const {
  const at::ScalarType dtype = x.scalar_type();
  const at::Tensor inner = at::linear(x, update_.a.to(dtype));
  if (update_.b.size() == 1)
    return at::addmm(y, inner, update_.b.front().to(dtype).t(), 1, update_.factor);
  const int64_t rank = inner.size(1) / static_cast<int64_t>(update_.b.size());
  std::vector<at::Tensor> parts;
  for (size_t part = 0; part < update_.b.size(); ++part) {
    const auto first = static_cast<int64_t>(part) * rank;
    parts.push_back(at::linear(inner.narrow(1, first, rank), update_.b[part].to(dtype)));
  }
  return at::add(y, at::cat(parts, 1), update_.factor);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (panels_) return panels_->product(x, {});
  if (!blocked_) {
    const at::Tensor y = plain_product(x);
    return update_.a.defined() ? updated(x, y) : y;
  }
  return onednn::linear_operators()->plain.call(x, weight_, optional_of(bias_), "none",
                                                onednn::Scalars(), std::nullopt);
}

at::Tensor Linear::add(const at::Tensor& x, const at::Tensor& other) const {
  if (panels_) return panels_->product(x, other);
  if (!blocked_) {
    const at::Tensor y = plain_product(x).add_(other);
    return update_.a.defined() ? updated(x, y) : y;
  }
  return onednn::linear_operators()->binary.call(x, other, weight_, optional_of(bias_), "add");
}

}  // namespace m3
