#include "core/torch/kv_slab.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <iterator>

namespace m3 {
namespace {

constexpr int64_t kSmallestCapacity = 128;  // rows

}  // namespace

int64_t count_of(const KvRows& rows) {
  int64_t count = 0;
  for (const KvRun& run : rows) count += run.count;
  return count;
}

KvSlab::KvSlab(const LlmShape& shape, at::TensorOptions options)
    : keys_(at::empty({shape.layers, shape.kv_heads, kSmallestCapacity, shape.head_dim}, options)),
      values_(at::empty_like(keys_)),
      free_{{0, kSmallestCapacity}} {}

KvRows KvSlab::take(int64_t count) {
  const int64_t old = capacity();
  if (rows_ + count > old) {
    int64_t wanted = old;
    while (wanted < rows_ + count) wanted *= 2;
    const at::Tensor keys =
        at::empty({keys_.size(0), keys_.size(1), wanted, keys_.size(3)}, keys_.options());
    const at::Tensor values = at::empty_like(keys);
    keys.narrow(2, 0, old).copy_(keys_);
    values.narrow(2, 0, old).copy_(values_);
    keys_ = keys;
    values_ = values;
    rows_ += wanted - old;
    give_back({{old, wanted - old}});
  }
  rows_ += count;
  KvRows rows;
  while (count > 0) {
    const auto run = free_.begin();
    const auto [first, room] = *run;
    const int64_t used = std::min(room, count);
    rows.push_back({first, used});
    count -= used;
    free_.erase(run);
    if (used < room) free_.emplace(first + used, room - used);
  }
  return rows;
}

void KvSlab::give_back(const KvRows& rows) {
  for (const KvRun& run : rows) {
    rows_ -= run.count;
    auto here = free_.emplace(run.first, run.count).first;
    const auto next = std::next(here);
    if (next != free_.end() && next->first == run.first + run.count) {
      here->second += next->second;
      free_.erase(next);
    }
    if (here == free_.begin()) continue;
    const auto before = std::prev(here);
    if (before->first + before->second == here->first) {
      before->second += here->second;
      free_.erase(here);
    }
  }
}

void KvSlab::store(int64_t layer, const KvRows& rows, const at::Tensor& k, const at::Tensor& v) {
  const at::Tensor keys = keys_.select(0, layer);
  const at::Tensor values = values_.select(0, layer);
  int64_t done = 0;
  for (const auto& [first, count] : rows) {
    keys.narrow(1, first, count).copy_(k.narrow(0, done, count).transpose(0, 1));
    values.narrow(1, first, count).copy_(v.narrow(0, done, count).transpose(0, 1));
    done += count;
  }
}

at::Tensor KvSlab::index_of(std::span<const KvRows> rows) const {
  int64_t count = 0;
  for (const KvRows& one : rows) count += count_of(one);
  at::Tensor index = at::empty({count}, at::TensorOptions().dtype(at::kLong));
  int64_t* next = index.mutable_data_ptr<int64_t>();
  for (const KvRows& one : rows) {
    for (const auto& [first, run] : one) {
      for (int64_t row = first; row < first + run; ++row) *next++ = row;
    }
  }
  return index.to(keys_.device());
}

at::Tensor KvSlab::keys(int64_t layer, const at::Tensor& index) const {
  return at::index_select(keys_.select(0, layer), 1, index);
}

at::Tensor KvSlab::values(int64_t layer, const at::Tensor& index) const {
  return at::index_select(values_.select(0, layer), 1, index);
}

}  // namespace m3
