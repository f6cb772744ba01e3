#include "core/torch/linear.h"

#include <ATen/ops/linear.h>

#include <optional>

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

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (panels_) return panels_->product(x, {});
  if (!blocked_) return at::linear(x, weight_, optional_of(bias_));
  return onednn::linear_operators()->plain.call(x, weight_, optional_of(bias_), "none",
                                                onednn::Scalars(), std::nullopt);
}

at::Tensor Linear::add(const at::Tensor& x, const at::Tensor& other) const {
  if (panels_) return panels_->product(x, other);
  if (!blocked_) return at::linear(x, weight_, optional_of(bias_)).add_(other);
  return onednn::linear_operators()->binary.call(x, other, weight_, optional_of(bias_), "add");
}

}  // namespace m3
