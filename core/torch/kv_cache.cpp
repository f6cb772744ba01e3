#include "core/torch/kv_cache.h"

#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace m3 {
namespace {

constexpr int64_t kSmallestBranch = 128;  // rows
constexpr int64_t kManyRows = 16;         // for which libtorch's fused attention is the faster

int64_t round_up(int64_t rows) {
  int64_t capacity = kSmallestBranch;
  while (capacity < rows) capacity *= 2;
  return capacity;
}

// Added to the scores of `count` rows behind `before` others.
at::Tensor causal_mask(int64_t count, int64_t before, const at::TensorOptions& options) {
  return at::full({count, before + count}, -std::numeric_limits<double>::infinity(), options)
      .triu_(before + 1);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& mask, bool is_causal) {
  return at::scaled_dot_product_attention(q, k, v,
                                          mask.defined() ? std::optional(mask) : std::nullopt, 0.0,
                                          is_causal, std::nullopt, q.size(1) != k.size(1));
}

}  // namespace

SpanTarget::SpanTarget(KvSlab& slab, KvRows rows, int64_t spans, const Rope& rope)
    : slab_(slab),
      rows_(std::move(rows)),
      spans_(spans),
      rows_each_(count_of(rows_) / spans),
      rope_(rope) {}

at::Tensor SpanTarget::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v) {
  slab_.store(layer, rows_, k, v);
  // [rows, heads, head_dim] -> [spans, heads, rows_each, head_dim]
  const auto by_span = [&](const at::Tensor& x) {
    return x.unflatten(0, {spans_, rows_each_}).transpose(1, 2);
  };
  if (!turned_q_.defined()) {
    turned_q_ = at::empty({spans_, q.size(1), rows_each_, q.size(2)}, q.options());
    turned_k_ = at::empty({spans_, k.size(1), rows_each_, k.size(2)}, k.options());
  }
  rope_.rotate(by_span(q), 0, turned_q_);
  rope_.rotate(by_span(k), 0, turned_k_);
  return attention(turned_q_, turned_k_, by_span(v), {}, true)
      .transpose(1, 2)
      .reshape({spans_ * rows_each_, q.size(1) * q.size(2)});
}

CausalTarget::CausalTarget(KvSlab& slab, KvRows rows, at::Tensor seen, const Rope& rope)
    : slab_(slab),
      rows_(std::move(rows)),
      seen_(std::move(seen)),
      count_(count_of(rows_)),
      rope_(rope) {}

at::Tensor CausalTarget::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) {
  const int64_t seen = seen_.numel();
  const int64_t before = seen - count_;
  slab_.store(layer, rows_, k, v);
  if (!mask_.defined()) {
    mask_ = causal_mask(count_, before, q.options());
    turned_q_ = at::empty({q.size(1), count_, q.size(2)}, q.options());
    turned_k_ = at::empty({k.size(1), seen, k.size(2)}, k.options());
  }
  rope_.rotate(slab_.keys(layer, seen_), 0, turned_k_);
  rope_.rotate(q.transpose(0, 1), before, turned_q_);
  return attention(turned_q_.unsqueeze(0), turned_k_.unsqueeze(0),
                   slab_.values(layer, seen_).unsqueeze(0), mask_, false)
      .transpose(1, 2)
      .reshape({count_, q.size(1) * q.size(2)});
}

KvBase::KvBase(const LlmShape& shape, at::TensorOptions options)
    : keys_(at::empty({shape.layers, shape.kv_heads, 0, shape.head_dim}, options)),
      values_(at::empty_like(keys_)) {}

void KvBase::fill(const KvSlab& slab, const at::Tensor& index, const Rope& rope) {
  if (keys_.size(2) < index.numel()) {
    const at::Tensor keys = at::empty(
        {keys_.size(0), keys_.size(1), round_up(index.numel()), keys_.size(3)}, keys_.options());
    values_ = at::empty_like(keys);
    keys_ = keys;  // only when there is memory for both
  }
  rows_ = index.numel();
  // Layer by layer: what is in between stays small.
  for (int64_t layer = 0; rows_ > 0 && layer < keys_.size(0); ++layer) {
    rope.rotate(slab.keys(layer, index), 0, keys(layer));
    values(layer).copy_(slab.values(layer, index));
  }
}

KvBranch::KvBranch(const LlmShape& shape, at::TensorOptions options, const Rope& rope)
    : shape_(shape),
      rope_(rope),
      keys_(at::empty({shape.layers, shape.kv_heads, 0, shape.head_dim}, options)),
      values_(at::empty_like(keys_)) {}

void KvBranch::start(std::shared_ptr<const KvBase> base, int64_t tail) {
  base_ = std::move(base);
  cut(base_rows());
  reserve(tail);
}

void KvBranch::reserve(int64_t tail) {
  const int64_t needed = tail_ + tail;
  if (keys_.size(2) >= needed) return;
  const at::Tensor keys = at::empty(
      {shape_.layers, shape_.kv_heads, round_up(needed), shape_.head_dim}, keys_.options());
  const at::Tensor values = at::empty_like(keys);
  keys.narrow(2, 0, tail_).copy_(keys_.narrow(2, 0, tail_));
  values.narrow(2, 0, tail_).copy_(values_.narrow(2, 0, tail_));
  keys_ = keys;
  values_ = values;
}

void KvBranch::begin(int64_t count) {
  pending_ = count;
  mask_.reset();
  if (count > 1) mask_ = causal_mask(count, rows(), keys_.options());
  if (!turned_q_.defined() || turned_q_.size(1) != count) {
    turned_q_ = at::empty({shape_.heads, count, shape_.head_dim}, keys_.options());
  }
}

// Many rows: keys and values are put together once, and the scores never lie in memory as a whole.
at::Tensor KvBranch::attend_many(int64_t layer, const at::Tensor& keys,
                                 const at::Tensor& values) const {
  const auto whole = [&](const at::Tensor& of_base, const at::Tensor& own) {
    return (base_rows() > 0 ? at::cat({of_base, own}, 1) : own).unsqueeze(0);
  };
  const at::Tensor none;
  return attention(turned_q_.unsqueeze(0), whole(base_rows() > 0 ? base_->keys(layer) : none, keys),
                   whole(base_rows() > 0 ? base_->values(layer) : none, values), mask_, false)
      .squeeze(0)
      .transpose(0, 1)
      .reshape({pending_, shape_.heads * shape_.head_dim});
}

// Softmax over the base's scores and the branch's own together. The query heads of one key head
// are one matrix, so that no key is copied for them.
at::Tensor KvBranch::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) {
  const int64_t first = rows();
  const int64_t own = tail_ + pending_;
  const at::Tensor keys = keys_.select(0, layer).narrow(1, 0, own);
  const at::Tensor values = values_.select(0, layer).narrow(1, 0, own);
  rope_.rotate(k.transpose(0, 1), first, keys.narrow(1, tail_, pending_));
  values.narrow(1, tail_, pending_).copy_(v.transpose(0, 1));
  rope_.rotate(q.transpose(0, 1), first, turned_q_);
  if (pending_ >= kManyRows) return attend_many(layer, keys, values);
  const int64_t group = shape_.heads / shape_.kv_heads;
  const at::Tensor queries = turned_q_.view({shape_.kv_heads, group * pending_, shape_.head_dim});
  const int64_t before = base_rows();
  at::Tensor scores = at::bmm(queries, keys.transpose(1, 2));
  scores.mul_(1 / std::sqrt(static_cast<double>(shape_.head_dim)));
  if (mask_.defined()) scores.unflatten(1, {group, pending_}).add_(mask_.narrow(1, before, own));
  if (before > 0) {
    const at::Tensor of_base = at::bmm(queries, base_->keys(layer).transpose(1, 2));
    of_base.mul_(1 / std::sqrt(static_cast<double>(shape_.head_dim)));
    scores = at::cat({of_base, scores}, 2);
  }
  const at::Tensor weights = at::softmax(scores, 2, at::kFloat).to(values.scalar_type());
  at::Tensor out = at::bmm(weights.narrow(2, before, own), values);
  if (before > 0) out.add_(at::bmm(weights.narrow(2, 0, before), base_->values(layer)));
  return out.view({shape_.heads, pending_, shape_.head_dim})
      .transpose(0, 1)
      .reshape({pending_, shape_.heads * shape_.head_dim});
}

}  // namespace m3
