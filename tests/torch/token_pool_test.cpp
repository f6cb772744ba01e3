#include "core/torch/token_pool.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::error_of;

std::vector<float> read(const TokenStorage& storage) {
  std::vector<float> values(static_cast<size_t>(storage.grid()) * storage.grid() * storage.dim());
  storage.read(values);
  return values;
}

TEST(DeviceTokens, PoolsToMeansOfSquares) {
  // Token t of a 4x4 grid is (t, 100 t).
  const at::Tensor row = at::arange(16, at::kFloat);
  const DeviceTokens tokens(4, at::stack({row, row * 100}, 1).contiguous());
  EXPECT_EQ(tokens.grid(), 4);
  EXPECT_EQ(tokens.dim(), 2);
  EXPECT_EQ(tokens.bytes(), 16u * 2 * 4);
  EXPECT_EQ(read(*tokens.pool(2)),
            (std::vector<float>{2.5, 250, 4.5, 450, 10.5, 1050, 12.5, 1250}));
  EXPECT_EQ(read(*tokens.pool(1)), (std::vector<float>{7.5, 750}));
  EXPECT_EQ(read(*tokens.pool(4)), read(tokens));
}

TEST(DeviceTokens, PoolsAsTokensOfTheHostDo) {
  const at::Tensor values = test::numbers(4, {36, 8});
  const DeviceTokens tokens(6, values);
  const HostTokens host(6, 8, read(tokens));
  for (const int grid : {1, 2, 3}) {
    const std::vector<float> found = read(*tokens.pool(grid));
    const std::vector<float> wanted = read(*host.pool(grid));
    for (size_t i = 0; i < wanted.size(); ++i) ASSERT_NEAR(found[i], wanted[i], 1e-6);
  }
}

TEST(DeviceTokens, ReadWidensBfloat16) {
  const at::Tensor values = test::numbers(4, {4, 3}).to(at::kBFloat16);
  const std::vector<float> found = read(DeviceTokens(2, values));
  EXPECT_EQ(found[5], values[1][2].to(at::kFloat).item<float>());
}

TEST(DeviceTokens, RefusesAGridThatDoesNotDivideAndRoomThatDoesNotFit) {
  const DeviceTokens tokens(4, test::numbers(4, {16, 2}));
  EXPECT_EQ(error_of([&] { tokens.pool(3); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { tokens.pool(0); }).code(), ErrorCode::kInvalidArgument);
  std::vector<float> small(31);
  EXPECT_EQ(error_of([&] { tokens.read(small); }).code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace m3
