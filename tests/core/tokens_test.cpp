#include "core/tokens.h"

#include <climits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;

std::shared_ptr<const std::vector<int>> ladder(std::vector<int> scales) {
  return std::make_shared<const std::vector<int>>(std::move(scales));
}

// [grid*grid, dim] whose value number i is i.
std::shared_ptr<const HostTokens> counting(int grid, int dim) {
  std::vector<float> values(static_cast<size_t>(grid) * grid * dim);
  std::iota(values.begin(), values.end(), 0.0f);
  return std::make_shared<HostTokens>(grid, dim, std::move(values));
}

std::vector<float> values_of(const TokenStorage& storage) {
  std::vector<float> values(static_cast<size_t>(storage.grid()) * storage.grid() * storage.dim());
  storage.read(values);
  return values;
}

TEST(HostTokens, PoolsToMeansOfEqualSquares) {
  // 4x4 cells, dim 2: cell (r, c) holds {8r + 2c, 8r + 2c + 1}.
  const auto pooled = counting(4, 2)->pool(2);
  EXPECT_EQ(pooled->grid(), 2);
  EXPECT_EQ(values_of(*pooled), (std::vector<float>{5, 6, 9, 10, 21, 22, 25, 26}));
  EXPECT_EQ(values_of(*counting(4, 2)->pool(1)), (std::vector<float>{15, 16}));
}

TEST(HostTokens, PooledTwiceEqualsPooledOnce) {
  const auto finest = counting(12, 3);
  EXPECT_EQ(values_of(*finest->pool(6)->pool(3)), values_of(*finest->pool(3)));
}

TEST(HostTokens, RefusesAGridThatDoesNotDivide) {
  const auto tokens = counting(4, 1);
  EXPECT_EQ(error_of([&] { tokens->pool(3); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { tokens->pool(0); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { tokens->pool(8); }).code(), ErrorCode::kInvalidArgument);
}

TEST(HostTokens, RefusesValuesThatDoNotFillTheSquare) {
  EXPECT_EQ(error_of([] { HostTokens(2, 3, std::vector<float>(11)); }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] { HostTokens(0, 3, {}); }).code(), ErrorCode::kInvalidArgument);
}

TEST(HostTokens, RefusesToReadIntoTheWrongRoom) {
  std::vector<float> room(3);
  EXPECT_EQ(error_of([&] { counting(2, 1)->read(room); }).code(), ErrorCode::kInvalidArgument);
}

TEST(Tokens, ByDefaultAreEmptyAndShowNothing) {
  const Tokens none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.scale(), 0);
  EXPECT_EQ(none.finest_scale(), 0);
  EXPECT_EQ(none.dim(), 0);
  EXPECT_TRUE(none.ladder().empty());
  EXPECT_EQ(none.shown(), nullptr);
  EXPECT_EQ(error_of([&] { none.pool_to(1); }).code(), ErrorCode::kInvalidArgument);
}

TEST(Tokens, ShowWhatTheyKeepUntilPooled) {
  const Tokens tokens(counting(12, 4), ladder({1, 9, 36, 144}));
  EXPECT_EQ(tokens.scale(), 144);
  EXPECT_EQ(tokens.finest_scale(), 144);
  EXPECT_EQ(tokens.dim(), 4);
  EXPECT_EQ(tokens.shown()->grid(), 12);
}

TEST(Tokens, PoolingKeepsTheFinestLevelForGoingBack) {
  const Tokens tokens(counting(12, 1), ladder({1, 9, 36, 144}));
  const Tokens coarse = tokens.pool_to(1);
  EXPECT_EQ(coarse.scale(), 1);
  EXPECT_EQ(coarse.finest_scale(), 144);
  EXPECT_EQ(values_of(*coarse.shown()), (std::vector<float>{71.5f}));
  EXPECT_EQ(values_of(*coarse.pool_to(144).shown()), values_of(*tokens.shown()));
  EXPECT_EQ(tokens.scale(), 144) << "the original is unchanged";
}

TEST(Tokens, AKeptLevelMayBeCoarserThanTheLaddersFinest) {
  const Tokens tokens(counting(6, 1), ladder({1, 9, 36, 144}));
  EXPECT_EQ(tokens.finest_scale(), 36);
  const Error error = error_of([&] { tokens.pool_to(144); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(error.what(), "Tokens: scale 144 is finer than the 36 tokens that were kept");
}

TEST(Tokens, RefuseAScaleOffTheLadder) {
  const Tokens tokens(counting(12, 1), ladder({1, 9, 36, 144}));
  const Error error = error_of([&] { tokens.pool_to(4); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(error.what(), "Tokens: scale 4 is not on the ladder 1, 9, 36, 144");
}

TEST(Tokens, RefuseALadderThatDoesNotFit) {
  const auto make = [](int grid, std::vector<int> scales) {
    return error_of([&] { Tokens(counting(grid, 1), ladder(std::move(scales))); }).code();
  };
  EXPECT_EQ(make(4, {1, 9, 36}), ErrorCode::kInvalidArgument) << "16 is not on it";
  EXPECT_EQ(make(6, {1, 16, 36}), ErrorCode::kInvalidArgument) << "4 does not divide 6";
  EXPECT_EQ(make(3, {9, 1}), ErrorCode::kInvalidArgument) << "descends";
  EXPECT_EQ(make(3, {1, 8, 9}), ErrorCode::kInvalidArgument) << "8 is no square";
  EXPECT_EQ(make(1, {}), ErrorCode::kInvalidArgument) << "empty";
  EXPECT_EQ(error_of([] { Tokens(nullptr, ladder({1})); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([] { Tokens(counting(1, 1), nullptr); }).code(), ErrorCode::kInvalidArgument);
}

TEST(GridOf, IsTheSideOfASquare) {
  EXPECT_EQ(grid_of(1), 1);
  EXPECT_EQ(grid_of(144), 12);
  EXPECT_EQ(grid_of(46340 * 46340), 46340);
  for (int scale : {0, -1, -9, 2, 143, INT_MAX}) {
    EXPECT_EQ(error_of([&] { grid_of(scale); }).code(), ErrorCode::kInvalidArgument) << scale;
  }
}

TEST(Tokens, FindTheFinestKeptScaleUnderACeiling) {
  const Tokens tokens(counting(6, 1), ladder({1, 9, 36, 144}));
  EXPECT_EQ(tokens.scale_within(144), 36);
  EXPECT_EQ(tokens.scale_within(36), 36);
  EXPECT_EQ(tokens.scale_within(35), 9);
  EXPECT_EQ(tokens.scale_within(0), 1);
  EXPECT_EQ(Tokens().scale_within(36), 0);
}

}  // namespace
}  // namespace m3
