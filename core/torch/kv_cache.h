// Where rows on their way through the language model leave their keys and values, and whom they
// attend to. SpanTarget and CausalTarget fill a window's KvSlab. KvBase is a copy of a window with
// the keys rotated to their places once: while it is used the window may change. KvBranch is a
// question and its answer behind it. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "core/model/model_config.h"
#include "core/torch/decoder.h"
#include "core/torch/kv_slab.h"
#include "core/torch/rope.h"

namespace m3 {

// Rows of one or more spans of equal length: each attends to itself alone, causally, from position
// 0 on.
class SpanTarget final : public KvTarget {
 public:
  // Writes to `rows` of `slab`. Slab and rope are borrowed.
  SpanTarget(KvSlab& slab, KvRows rows, int64_t spans, const Rope& rope);
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  KvSlab& slab_;
  const KvRows rows_;
  const int64_t spans_;
  const int64_t rows_each_;
  const Rope& rope_;
  at::Tensor turned_q_;  // scratch, [spans, heads, rows_each, head_dim]
  at::Tensor turned_k_;
};

// Rows that attend to everything before them in the slab, causally.
class CausalTarget final : public KvTarget {
 public:
  // seen: the slab's rows that come before, in order, and then `rows`; a row's position is its
  // index in it. Slab and rope are borrowed.
  CausalTarget(KvSlab& slab, KvRows rows, at::Tensor seen, const Rope& rope);
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  KvSlab& slab_;
  const KvRows rows_;
  const at::Tensor seen_;
  const int64_t count_;
  const Rope& rope_;
  at::Tensor mask_;      // [count, seen], added to the scores
  at::Tensor turned_q_;  // scratch, [heads, count, head_dim]
  at::Tensor turned_k_;
};

// A window as questions see it: keys rotated to their places. Immutable once it is filled; all
// questions that are asked of one state of the window share it.
class KvBase {
 public:
  KvBase(const LlmShape& shape, at::TensorOptions options);

  // Takes these rows of the slab (KvSlab::index_of), in their order. Memory is kept and reused.
  void fill(const KvSlab& slab, const at::Tensor& index, const Rope& rope);

  int64_t rows() const noexcept { return rows_; }
  // [kv_heads, rows, head_dim]
  at::Tensor keys(int64_t layer) const { return keys_.select(0, layer).narrow(1, 0, rows_); }
  at::Tensor values(int64_t layer) const { return values_.select(0, layer).narrow(1, 0, rows_); }

 private:
  at::Tensor keys_;  // [layers, kv_heads, capacity, head_dim]
  at::Tensor values_;
  int64_t rows_ = 0;
};

// Rows that attend to everything before them: a base, then the branch's own. A row's position is
// its index.
class KvBranch final : public KvTarget {
 public:
  KvBranch(const LlmShape& shape, at::TensorOptions options, const Rope& rope);

  // Forgets what it held and begins behind `base`, null for nothing, with room for `tail` rows.
  // Memory is kept and reused.
  void start(std::shared_ptr<const KvBase> base, int64_t tail);
  // Announces the next `count` rows, before the pass that carries them.
  void begin(int64_t count);
  // The pass is over: its rows are part of the branch.
  void commit() noexcept {
    tail_ += pending_;
    pending_ = 0;
  }
  // Room for `tail` more rows behind those that there are.
  void reserve(int64_t tail);
  // Forgets all but the first `rows`, and what was announced; never less than the base.
  void cut(int64_t rows) noexcept {
    tail_ = rows - base_rows();
    pending_ = 0;
  }

  int64_t rows() const noexcept { return base_rows() + tail_; }
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  // keys, values: the branch's own [kv_heads, own, head_dim]
  at::Tensor attend_many(int64_t layer, const at::Tensor& keys, const at::Tensor& values) const;
  int64_t base_rows() const noexcept { return base_ ? base_->rows() : 0; }

  const LlmShape shape_;
  const Rope& rope_;
  std::shared_ptr<const KvBase> base_;
  at::Tensor keys_;  // the branch's own: [layers, kv_heads, capacity, head_dim], rotated
  at::Tensor values_;
  at::Tensor mask_;      // [pending, rows + pending], added to the scores; undefined for one row
  at::Tensor turned_q_;  // scratch, [heads, pending, head_dim]
  int64_t tail_ = 0;
  int64_t pending_ = 0;
};

}  // namespace m3
