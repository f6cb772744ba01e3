#include "core/torch/kv_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

class KvCache : public testing::Test {
 protected:
  // Rows whose numbers all are `value`.
  KvRows fill(KvSlab& slab, int64_t count, float value) {
    const KvRows rows = slab.take(count);
    const at::Tensor numbers = at::full({count, shape_.kv_heads, shape_.head_dim}, value);
    for (int64_t layer = 0; layer < shape_.layers; ++layer) {
      slab.store(layer, rows, numbers, -numbers);
    }
    return rows;
  }
  std::shared_ptr<const KvBase> base(const KvSlab& slab, const std::vector<KvRows>& rows) const {
    const auto base = std::make_shared<KvBase>(shape_, decoder_.options());
    base->fill(slab, slab.index_of(rows), decoder_.rope());
    return base;
  }
  static at::Tensor index(const KvSlab& slab, const std::vector<KvRows>& rows) {
    return slab.index_of(rows);
  }

  const c10::InferenceMode inference_;
  const Decoder& decoder_ = test::tiny_model().decoder;
  const LlmShape& shape_ = decoder_.shape();
};

// Rows come and leave at random places; every one keeps its numbers, and room that was given back
// is used before the slab grows.
TEST_F(KvCache, ASlabKeepsItsRowsWhateverLeavesAndNeverOutgrowsThem) {
  KvSlab slab(shape_, decoder_.options());
  std::mt19937 random(5);
  std::deque<std::pair<KvRows, float>> held;
  int64_t live = 0;
  int64_t most = 0;
  for (int i = 1; i <= 600; ++i) {
    const int64_t count = 1 + static_cast<int64_t>(random() % 40);
    while (live + count > 300) {
      const size_t leaves = random() % held.size();
      live -= count_of(held[leaves].first);
      slab.give_back(held[leaves].first);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(leaves));
    }
    held.emplace_back(fill(slab, count, static_cast<float>(i)), static_cast<float>(i));
    live += count;
    most = std::max(most, live);
    ASSERT_EQ(slab.rows(), live);
    ASSERT_LE(slab.capacity(), 512) << "the next power of two above the " << most << " rows";
    if (i % 20 != 0) continue;
    for (const auto& [rows, value] : held) {
      const at::Tensor at = index(slab, {rows});
      ASSERT_EQ(slab.keys(at).min().item<float>(), value);
      ASSERT_EQ(slab.keys(at).max().item<float>(), value);
      ASSERT_EQ(slab.values(at).max().item<float>(), -value);
    }
  }
  EXPECT_GT(most, 280);
}

TEST_F(KvCache, RoomThatWasGivenBackInAnyOrderIsOnePieceAgain) {
  KvSlab slab(shape_, decoder_.options());
  std::vector<KvRows> rows;
  for (int i = 0; i < 16; ++i) rows.push_back(slab.take(8));  // all of the first 128
  for (const size_t i : {3, 1, 0, 2, 7, 6, 4, 5, 15, 8, 14, 9, 13, 10, 12, 11}) {
    slab.give_back(rows[i]);
  }
  EXPECT_EQ(slab.rows(), 0);
  const KvRows all = slab.take(128);
  EXPECT_EQ(slab.capacity(), 128);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].first, 0);
}

TEST_F(KvCache, ABranchTurnsTheWindowsKeysToTheirPlaces) {
  KvSlab slab(shape_, decoder_.options());
  const KvRows behind = fill(slab, 2, 0.25);  // where rows lie says nothing about their order
  const KvRows before = fill(slab, 3, 0.5);
  KvBranch branch(shape_, decoder_.options(), decoder_.rope());
  branch.start(base(slab, {before, behind}), 4);
  EXPECT_EQ(branch.rows(), 5);

  // One more row: its attention must equal the plain formula over six rows.
  const at::Tensor q = numbers(1, {1, shape_.heads, shape_.head_dim});
  const at::Tensor k = numbers(2, {1, shape_.kv_heads, shape_.head_dim});
  const at::Tensor v = numbers(3, {1, shape_.kv_heads, shape_.head_dim});
  branch.begin(1);
  const at::Tensor found = branch.attend(1, q, k, v);
  branch.commit();
  EXPECT_EQ(branch.rows(), 6);

  const auto turned = [&](const at::Tensor& x, int64_t position) {
    at::Tensor out = at::empty_like(x);
    decoder_.rope().rotate(x.unsqueeze(-2), position, out.unsqueeze(-2));
    return out;
  };
  for (int64_t head = 0; head < shape_.heads; ++head) {
    const int64_t kv_head = head / (shape_.heads / shape_.kv_heads);
    std::vector<at::Tensor> keys;
    std::vector<at::Tensor> values;
    for (int64_t row = 0; row < 6; ++row) {
      const float old = row < 3 ? 0.5F : 0.25F;
      keys.push_back(turned(row < 5 ? at::full({shape_.head_dim}, old) : k[0][kv_head], row));
      values.push_back(row < 5 ? at::full({shape_.head_dim}, -old) : v[0][kv_head]);
    }
    const at::Tensor scores =
        at::mv(at::stack(keys), turned(q[0][head], 5)) / std::sqrt(shape_.head_dim);
    const at::Tensor wanted = at::mv(at::stack(values).t(), at::softmax(scores, 0));
    EXPECT_LT(relative_error(found[0].narrow(0, head * shape_.head_dim, shape_.head_dim), wanted),
              1e-5)
        << head;
  }
}

TEST_F(KvCache, BranchesOfOneBaseDoNotMeet) {
  KvSlab slab(shape_, decoder_.options());
  const auto shared = base(slab, {fill(slab, 5, 0.5)});
  const auto run = [&](KvBranch& branch, uint64_t seed) {
    branch.begin(1);
    const at::Tensor out = branch.attend(0, numbers(seed, {1, shape_.heads, shape_.head_dim}),
                                         numbers(seed + 1, {1, shape_.kv_heads, shape_.head_dim}),
                                         numbers(seed + 2, {1, shape_.kv_heads, shape_.head_dim}));
    branch.commit();
    return out;
  };
  KvBranch one(shape_, decoder_.options(), decoder_.rope());
  KvBranch other(shape_, decoder_.options(), decoder_.rope());
  KvBranch alone(shape_, decoder_.options(), decoder_.rope());
  for (KvBranch* branch : {&one, &other, &alone}) branch->start(shared, 4);
  for (const uint64_t seed : {1, 10, 20}) {
    run(other, seed + 100);
    EXPECT_TRUE(run(one, seed).equal(run(alone, seed)));
  }
  EXPECT_EQ(one.rows(), 8);
  one.cut(6);
  alone.cut(6);
  EXPECT_TRUE(run(one, 30).equal(run(alone, 30)));
}

TEST_F(KvCache, ABranchForgetsWhatItHeldWhenItStartsAnew) {
  KvSlab slab(shape_, decoder_.options());
  const KvRows rows = fill(slab, 20, 1);
  KvBranch branch(shape_, decoder_.options(), decoder_.rope());
  branch.start(base(slab, {rows}), 4);
  branch.begin(2);
  branch.start(nullptr, 4);
  EXPECT_EQ(branch.rows(), 0);
  branch.begin(1);
  const at::Tensor v = numbers(3, {1, shape_.kv_heads, shape_.head_dim});
  const at::Tensor attended = branch.attend(0, numbers(1, {1, shape_.heads, shape_.head_dim}),
                                            numbers(2, {1, shape_.kv_heads, shape_.head_dim}), v);
  // Alone in the branch, the row sees its own value only.
  EXPECT_LT(relative_error(attended[0].narrow(0, 0, shape_.head_dim), v[0][0]), 1e-6);
}

}  // namespace
}  // namespace m3
