#include "core/torch/kv_cache.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <limits>

namespace m3 {
namespace {

constexpr int64_t kSmallestCapacity = 128;  // rows

int64_t round_up(int64_t rows) {
  int64_t capacity = kSmallestCapacity;
  while (capacity < rows) capacity *= 2;
  return capacity;
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& mask, bool is_causal) {
  return at::scaled_dot_product_attention(q, k, v,
                                          mask.defined() ? std::optional(mask) : std::nullopt, 0.0,
                                          is_causal, std::nullopt, q.size(1) != k.size(1));
}

}  // namespace

KvSlab::KvSlab(const LlmShape& shape, at::TensorOptions options)
    : keys_(at::empty({shape.layers, shape.kv_heads, kSmallestCapacity, shape.head_dim}, options)),
      values_(at::empty_like(keys_)) {}

int64_t KvSlab::append(int64_t count) {
  const int64_t live = rows();
  if (end_ + count > keys_.size(2)) {
    // Moving within the slab needs the old and the new place apart; a slab of twice the live rows
    // always has that.
    const bool fits = live <= begin_ && live + count <= keys_.size(2);
    at::Tensor keys = keys_;
    at::Tensor values = values_;
    if (!fits) {
      const int64_t capacity = round_up(2 * (live + count));
      keys = at::empty({keys_.size(0), keys_.size(1), capacity, keys_.size(3)}, keys_.options());
      values = at::empty_like(keys);
    }
    keys.narrow(2, 0, live).copy_(all_keys());
    values.narrow(2, 0, live).copy_(all_values());
    keys_ = keys;
    values_ = values;
    begin_ = 0;
    end_ = live;
  }
  end_ += count;
  return live;
}

at::Tensor KvSlab::keys(int64_t layer, int64_t row, int64_t count) const {
  return keys_.select(0, layer).narrow(1, begin_ + row, count);
}

at::Tensor KvSlab::values(int64_t layer, int64_t row, int64_t count) const {
  return values_.select(0, layer).narrow(1, begin_ + row, count);
}

SpanTarget::SpanTarget(KvSlab& slab, int64_t row, int64_t spans, int64_t rows_each,
                       const Rope& rope)
    : slab_(slab), row_(row), spans_(spans), rows_each_(rows_each), rope_(rope) {}

at::Tensor SpanTarget::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v) {
  const int64_t rows = spans_ * rows_each_;
  slab_.keys(layer, row_, rows).copy_(k.transpose(0, 1));
  slab_.values(layer, row_, rows).copy_(v.transpose(0, 1));
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
      .reshape({rows, q.size(1) * q.size(2)});
}

KvBranch::KvBranch(const LlmShape& shape, at::TensorOptions options, const Rope& rope)
    : shape_(shape),
      rope_(rope),
      keys_(at::empty({shape.layers, shape.kv_heads, 0, shape.head_dim}, options)),
      values_(at::empty_like(keys_)) {}

void KvBranch::start(const KvSlab& prefix, const KvSlab& window, int64_t tail) {
  const int64_t needed = prefix.rows() + window.rows() + tail;
  if (keys_.size(2) < needed) {
    keys_ = at::empty({shape_.layers, shape_.kv_heads, round_up(needed), shape_.head_dim},
                      keys_.options());
    values_ = at::empty_like(keys_);
  }
  rows_ = 0;
  pending_ = 0;
  take(prefix);
  take(window);
}

void KvBranch::take(const KvSlab& slab) {
  const int64_t count = slab.rows();
  if (count == 0) return;
  rope_.rotate(slab.all_keys(), rows_, keys_.narrow(2, rows_, count));
  values_.narrow(2, rows_, count).copy_(slab.all_values());
  rows_ += count;
}

void KvBranch::begin(int64_t count) {
  pending_ = count;
  mask_.reset();
  if (count > 1) {
    mask_ =
        at::full({count, rows_ + count}, -std::numeric_limits<double>::infinity(), keys_.options());
    mask_.triu_(rows_ + 1);
  }
  if (!turned_q_.defined() || turned_q_.size(1) != count) {
    turned_q_ = at::empty({shape_.heads, count, shape_.head_dim}, keys_.options());
  }
}

at::Tensor KvBranch::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) {
  const at::Tensor keys = keys_.select(0, layer);
  const at::Tensor values = values_.select(0, layer);
  rope_.rotate(k.transpose(0, 1), rows_, keys.narrow(1, rows_, pending_));
  values.narrow(1, rows_, pending_).copy_(v.transpose(0, 1));
  rope_.rotate(q.transpose(0, 1), rows_, turned_q_);
  const int64_t seen = rows_ + pending_;
  return attention(turned_q_.unsqueeze(0), keys.narrow(1, 0, seen).unsqueeze(0),
                   values.narrow(1, 0, seen).unsqueeze(0), mask_, false)
      .transpose(1, 2)
      .reshape({pending_, q.size(1) * q.size(2)});
}

}  // namespace m3
