#include "core/torch/train/ridge.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

TEST(Ridge, FindsTheMapThatMadeTheRows) {
  const at::Tensor x = numbers(1, {400, 12});
  const at::Tensor weight = numbers(2, {5, 12});
  const at::Tensor bias = numbers(3, {5});
  const at::Tensor y = at::matmul(x, weight.t()) + bias;
  const LinearMap found = fit_ridge(x, y);
  EXPECT_LT(relative_error(found.weight, weight), 0.01);
  EXPECT_LT(relative_error(found.bias, bias), 0.01);
  EXPECT_GT(found.explained, 0.999);
}

TEST(Ridge, ExplainsNothingOfNoise) {
  const LinearMap found = fit_ridge(numbers(1, {300, 40}), numbers(2, {300, 5}));
  EXPECT_LT(found.explained, 0.1);
}

// Fewer pictures than features, as in a small folder of one's own.
TEST(Ridge, WorksWithFewRows) {
  const at::Tensor x = numbers(1, {9, 40});
  const LinearMap found = fit_ridge(x, x.narrow(1, 0, 3));
  EXPECT_TRUE(found.weight.isfinite().all().item<bool>());
}

TEST(FeatureStatistics, AreThoseOfAllRows) {
  const at::Tensor rows = numbers(4, {60, 7}) * 3 + 5;
  FeatureStatistics statistics;
  statistics.add(rows.narrow(0, 0, 20));
  statistics.add(rows.narrow(0, 20, 40));
  EXPECT_LT(relative_error(statistics.mean(), rows.mean(0)), 1e-6);
  EXPECT_LT(relative_error(statistics.scale(), rows.std(0, false).reciprocal()), 1e-5);
}

TEST(FeatureStatistics, AFeatureThatNeverStirsStaysAsItIs) {
  at::Tensor rows = numbers(4, {60, 2});
  rows.select(1, 1).fill_(3);
  FeatureStatistics statistics;
  statistics.add(rows);
  EXPECT_EQ(statistics.scale()[1].item<float>(), 1);
}

}  // namespace
}  // namespace m3
