// KvSlab: keys and values of the rows of one window, in one block of memory. Keys are kept
// un-rotated, so that they do not depend on a row's place in the window: rows may lie anywhere in
// the block, in any order. A row that leaves makes room for the next one where it lay, so nothing
// is ever moved and a window that has reached its size needs no more memory. Threads: used from one
// thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/model/model_config.h"

namespace m3 {

// Where rows lie, in their order: runs of neighbours.
struct KvRun {
  int64_t first = 0;
  int64_t count = 0;
};
using KvRows = std::vector<KvRun>;

int64_t count_of(const KvRows& rows);

class KvSlab {
 public:
  KvSlab(const LlmShape& shape, at::TensorOptions options);

  // Room for `count` rows, not written yet. Doubles the block when it is full.
  KvRows take(int64_t count);
  void give_back(const KvRows& rows);
  int64_t rows() const noexcept { return rows_; }  // taken
  int64_t capacity() const { return keys_.size(2); }

  // k, v: [count_of(rows), kv_heads, head_dim], keys un-rotated.
  void store(int64_t layer, const KvRows& rows, const at::Tensor& k, const at::Tensor& v);
  // Row numbers as the functions below take them: int64 [n], on the slab's device.
  at::Tensor index_of(std::span<const KvRows> rows) const;
  // [kv_heads, n, head_dim]
  at::Tensor keys(int64_t layer, const at::Tensor& index) const;
  at::Tensor values(int64_t layer, const at::Tensor& index) const;
  // [layers, kv_heads, n, head_dim]
  at::Tensor keys(const at::Tensor& index) const { return keys_.index_select(2, index); }
  at::Tensor values(const at::Tensor& index) const { return values_.index_select(2, index); }

 private:
  at::Tensor keys_;  // [layers, kv_heads, capacity, head_dim]
  at::Tensor values_;
  std::map<int64_t, int64_t> free_;  // runs of free rows: first -> count; no two touch
  int64_t rows_ = 0;
};

}  // namespace m3
