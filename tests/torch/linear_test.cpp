#include "core/torch/linear.h"

#include <ATen/ops/linear.h>
#include <gtest/gtest.h>

#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

TEST(Linear, EqualsThePlainOperator) {
  const c10::InferenceMode inference;
  const at::Tensor weight = numbers(1, {40, 72});
  const at::Tensor bias = numbers(2, {40});
  const at::Tensor x = numbers(3, {9, 72});
  const at::Tensor other = numbers(4, {9, 40});
  const Linear linear(weight, bias, at::kCPU, at::kFloat);
  EXPECT_LT(relative_error(linear(x), at::linear(x, weight, bias)), 1e-6);
  EXPECT_LT(relative_error(linear.add(x, other), at::linear(x, weight, bias) + other), 1e-6);
  EXPECT_EQ(linear.parameters(), 40 * 72 + 40);
}

TEST(Linear, WorksWithoutBiasAndInBfloat16) {
  const c10::InferenceMode inference;
  const at::Tensor weight = numbers(1, {40, 72});
  const at::Tensor x = numbers(3, {9, 72});
  const Linear linear(weight, {}, at::kCPU, at::kBFloat16);
  const at::Tensor y = linear(x.to(at::kBFloat16));
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_LT(relative_error(y.to(at::kFloat), at::linear(x, weight)), 1e-2);
}

// What makes answers independent of how work is cut and batched.
TEST(Linear, ARowDoesNotDependOnTheRowsBesideIt) {
  const c10::InferenceMode inference;
  for (const auto& [out, in] : {std::pair<int64_t, int64_t>{960, 576}, {576, 1536}, {272, 64}}) {
    const Linear linear(numbers(1, {out, in}), {}, at::kCPU, at::kFloat);
    const at::Tensor x = numbers(2, {300, in});
    const at::Tensor other = numbers(3, {300, out});
    const at::Tensor all = linear(x);
    const at::Tensor all_added = linear.add(x, other);
    for (const int64_t rows : {1, 2, 5, 13, 16, 17, 40, 104, 256}) {
      EXPECT_TRUE(linear(x.narrow(0, 0, rows)).equal(all.narrow(0, 0, rows)))
          << rows << " rows of " << in;
      EXPECT_TRUE(linear(x.narrow(0, 7, rows)).equal(all.narrow(0, 7, rows)))
          << rows << " rows of " << in;
      EXPECT_TRUE(linear.add(x.narrow(0, 7, rows), other.narrow(0, 7, rows))
                      .equal(all_added.narrow(0, 7, rows)));
    }
  }
}

}  // namespace
}  // namespace m3
