#include "core/torch/kv_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

class KvCache : public testing::Test {
 protected:
  // Rows whose numbers all are `value`.
  void append(KvSlab& slab, int64_t rows, float value) {
    const int64_t row = slab.append(rows);
    for (int64_t layer = 0; layer < shape_.layers; ++layer) {
      slab.keys(layer, row, rows).fill_(value);
      slab.values(layer, row, rows).fill_(-value);
    }
  }

  const c10::InferenceMode inference_;
  const Decoder& decoder_ = test::tiny_model().decoder;
  const LlmShape& shape_ = decoder_.shape();
};

TEST_F(KvCache, ASlabKeepsItsRowsWhileOldOnesLeaveAndItGrows) {
  KvSlab slab(shape_, decoder_.options());
  std::deque<float> wanted;  // by row
  for (int i = 1; i <= 400; ++i) {
    const int64_t rows = 1 + i % 7;
    append(slab, rows, static_cast<float>(i));
    for (int64_t row = 0; row < rows; ++row) wanted.push_back(static_cast<float>(i));
    // Grows to about 300 rows, then stays.
    while (wanted.size() > 300) {
      slab.drop_oldest(1);
      wanted.pop_front();
    }
    ASSERT_EQ(slab.rows(), static_cast<int64_t>(wanted.size()));
    for (const size_t row : {size_t{0}, wanted.size() / 2, wanted.size() - 1}) {
      ASSERT_EQ(slab.all_keys().select(2, static_cast<int64_t>(row)).min().item<float>(),
                wanted[row]);
      ASSERT_EQ(slab.all_keys().select(2, static_cast<int64_t>(row)).max().item<float>(),
                wanted[row]);
      ASSERT_EQ(slab.all_values().select(2, static_cast<int64_t>(row)).max().item<float>(),
                -wanted[row]);
    }
  }
}

TEST_F(KvCache, ASlabOfASteadyWindowStopsGrowing) {
  KvSlab slab(shape_, decoder_.options());
  for (int i = 0; i < 50; ++i) append(slab, 10, 1);
  slab.drop_oldest(400);
  append(slab, 10, 1);
  for (int i = 0; i < 100; ++i) {
    append(slab, 10, 1);
    slab.drop_oldest(10);
  }
  const void* memory = slab.all_keys().storage().data();
  for (int i = 0; i < 1000; ++i) {
    append(slab, 10, 1);
    slab.drop_oldest(10);
  }
  EXPECT_EQ(slab.all_keys().storage().data(), memory);
}

TEST_F(KvCache, ABranchTurnsTheWindowsKeysToTheirPlaces) {
  KvSlab prefix(shape_, decoder_.options());
  KvSlab window(shape_, decoder_.options());
  append(prefix, 3, 0.5);
  append(window, 2, 0.25);
  KvBranch branch(shape_, decoder_.options(), decoder_.rope());
  branch.start(prefix, window, 4);
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

TEST_F(KvCache, ABranchForgetsWhatItHeldWhenItStartsAnew) {
  KvSlab empty(shape_, decoder_.options());
  KvSlab window(shape_, decoder_.options());
  append(window, 20, 1);
  KvBranch branch(shape_, decoder_.options(), decoder_.rope());
  branch.start(empty, window, 4);
  branch.begin(2);
  branch.start(empty, empty, 4);
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
