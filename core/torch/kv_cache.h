// What the language model remembers of rows it has seen. KvSlab holds a window: keys un-rotated, so
// that a row's keys and values do not depend on its place. KvBranch is a question's private copy
// with the keys rotated to their places once, and a tail for the question and its answer: while it
// is used the window may change. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/model/model_config.h"
#include "core/torch/decoder.h"
#include "core/torch/rope.h"

namespace m3 {

// Rows [begin, end) of one memory block; grows by doubling, reuses the place of dropped rows.
class KvSlab {
 public:
  KvSlab(const LlmShape& shape, at::TensorOptions options);

  int64_t rows() const noexcept { return end_ - begin_; }

  // Room for `count` rows at the end, not written yet. Returns their index for keys() and values(),
  // valid until the next drop_oldest().
  int64_t append(int64_t count);
  void drop_oldest(int64_t count) noexcept { begin_ += count; }
  // Takes back the newest `count` rows, written or not.
  void drop_newest(int64_t count) noexcept { end_ -= count; }
  void clear() noexcept { begin_ = end_ = 0; }

  // [kv_heads, count, head_dim] of one layer; `row` counts from the oldest row.
  at::Tensor keys(int64_t layer, int64_t row, int64_t count) const;
  at::Tensor values(int64_t layer, int64_t row, int64_t count) const;
  // [layers, kv_heads, rows(), head_dim]
  at::Tensor all_keys() const { return keys_.narrow(2, begin_, rows()); }
  at::Tensor all_values() const { return values_.narrow(2, begin_, rows()); }

 private:
  at::Tensor keys_;  // [layers, kv_heads, capacity, head_dim]
  at::Tensor values_;
  int64_t begin_ = 0;
  int64_t end_ = 0;
};

// Rows of one or more spans of equal length: each attends to itself alone, causally, from position
// 0 on.
class SpanTarget final : public KvTarget {
 public:
  // Writes to `slab` from `row` on. Slab and rope are borrowed.
  SpanTarget(KvSlab& slab, int64_t row, int64_t spans, int64_t rows_each, const Rope& rope);
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  KvSlab& slab_;
  const int64_t row_;
  const int64_t spans_;
  const int64_t rows_each_;
  const Rope& rope_;
  at::Tensor turned_q_;  // scratch, [spans, heads, rows_each, head_dim]
  at::Tensor turned_k_;
};

// Rows that attend to everything before them in the branch. A row's position is its index.
class KvBranch final : public KvTarget {
 public:
  KvBranch(const LlmShape& shape, at::TensorOptions options, const Rope& rope);

  // Forgets what it held and takes prefix and window, with room for `tail` more rows. Memory is
  // kept and reused.
  void start(const KvSlab& prefix, const KvSlab& window, int64_t tail);
  // Announces the next `count` rows, before the pass that carries them.
  void begin(int64_t count);
  // The pass is over: its rows are part of the branch.
  void commit() noexcept {
    rows_ += pending_;
    pending_ = 0;
  }

  int64_t rows() const noexcept { return rows_; }
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  void take(const KvSlab& slab);

  const LlmShape shape_;
  const Rope& rope_;
  at::Tensor keys_;  // [layers, kv_heads, capacity, head_dim], rotated
  at::Tensor values_;
  at::Tensor mask_;  // [pending, rows + pending], added to the scores; undefined for a single row
  at::Tensor turned_q_;  // scratch, [heads, pending, head_dim]
  int64_t rows_ = 0;
  int64_t pending_ = 0;
};

}  // namespace m3
