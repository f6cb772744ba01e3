#include "core/torch/train/window_target.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tensor.h>

#include <optional>

namespace m3 {
namespace {

// q: [rows, heads, head_dim]; k, v: [keys, kv_heads, head_dim] -> [rows, heads * head_dim]
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const std::optional<at::Tensor>& mask) {
  const auto heads_first = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
  return at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), mask, 0.0,
                                          !mask.has_value(), std::nullopt, q.size(1) != k.size(1))
      .squeeze(0)
      .transpose(0, 1)
      .flatten(1);
}

}  // namespace

WindowTarget::WindowTarget(const TrainingBatch& batch, const Rope& rope,
                           const at::TensorOptions& options)
    : batch_(batch),
      turns_(rope.rows_at(
          at::tensor(batch.places, at::TensorOptions().dtype(at::kLong)).to(options.device()))) {
  for (const BatchWindow& window : batch.windows) masks_.push_back(window.mask.to(options));
}

at::Tensor WindowTarget::attend(int64_t, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) {
  const at::Tensor turned_q = Rope::turned(q, turns_);
  const at::Tensor turned_k = Rope::turned(k, turns_);
  std::vector<at::Tensor> parts;
  const int64_t prefix = batch_.prefix;
  if (prefix > 0) {
    parts.push_back(attention(turned_q.narrow(0, 0, prefix), turned_k.narrow(0, 0, prefix),
                              v.narrow(0, 0, prefix), std::nullopt));
  }
  for (size_t i = 0; i < batch_.windows.size(); ++i) {
    const BatchWindow& window = batch_.windows[i];
    const auto seen = [&](const at::Tensor& x) {
      const at::Tensor own = x.narrow(0, window.first, window.rows);
      return prefix > 0 ? at::cat({x.narrow(0, 0, prefix), own}) : own;
    };
    parts.push_back(attention(turned_q.narrow(0, window.first, window.rows), seen(turned_k),
                              seen(v), masks_[i]));
  }
  return at::cat(parts);
}

}  // namespace m3
