#include "core/model/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;
using Logits = std::vector<float>;

std::vector<int> histogram(SamplerOptions options, const Logits& logits, int picks) {
  Sampler sampler(options);
  std::vector<int> counts(logits.size());
  for (int i = 0; i < picks; ++i) ++counts[static_cast<size_t>(sampler.pick(logits))];
  return counts;
}

TEST(Sampler, GreedyTakesTheLargestAndTheLowerIdOfEquals) {
  Sampler sampler({});
  EXPECT_EQ(sampler.pick(Logits{1, 3, 2}), 1);
  EXPECT_EQ(sampler.pick(Logits{5, 5, 4}), 0);
  EXPECT_EQ(sampler.pick(Logits{-7, -3, -3}), 1);
  EXPECT_EQ(sampler.pick(Logits{-1}), 0);
}

TEST(Sampler, ConfidenceIsTheGeometricMeanOfProbabilities) {
  Sampler sampler({});
  EXPECT_EQ(sampler.confidence(), 0);
  sampler.pick(Logits{0, 0});  // 1/2
  EXPECT_NEAR(sampler.confidence(), 0.5, 1e-9);
  sampler.pick(Logits{std::log(8.0F), 0, 0, -1e30F});  // 8/10
  EXPECT_NEAR(sampler.confidence(), std::sqrt(0.5 * 0.8), 1e-7);
}

TEST(Sampler, ConfidenceStandsLargeLogits) {
  Sampler sampler({});
  sampler.pick(Logits{3e38F, -3e38F});
  EXPECT_EQ(sampler.confidence(), 1);
}

TEST(Sampler, MarginIsTheSmallestLeadOverTheRunnerUp) {
  Sampler sampler({});
  EXPECT_EQ(sampler.margin(), 0);
  sampler.pick(Logits{1, 4, 2});
  EXPECT_EQ(sampler.margin(), 2);
  sampler.pick(Logits{1, 1.5F, -2});
  EXPECT_EQ(sampler.margin(), 0.5);
  sampler.pick(Logits{9, 1});
  EXPECT_EQ(sampler.margin(), 0.5);
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    Sampler sampler({});
    EXPECT_EQ(error_of([&] { sampler.pick(Logits{1, bad, 2}); }).code(), ErrorCode::kInternal);
  }
  Sampler sampler({});
  EXPECT_EQ(error_of([&] { sampler.pick({}); }).code(), ErrorCode::kInvalidArgument);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const SamplerOptions options :
       {SamplerOptions{-0.1}, SamplerOptions{2.1}, SamplerOptions{kNan}, SamplerOptions{1, 0},
        SamplerOptions{1, 1.1}, SamplerOptions{1, -1}, SamplerOptions{1, kNan}}) {
    EXPECT_EQ(error_of([&] { Sampler sampler(options); }).code(), ErrorCode::kInvalidArgument);
  }
}

TEST(Sampler, DrawsInProportionToProbabilities) {
  // Probabilities 0.1, 0.2, 0.3, 0.4; five standard deviations of 20000 draws are at most 350.
  const Logits logits = {std::log(1.0F), std::log(2.0F), std::log(3.0F), std::log(4.0F)};
  const std::vector<int> counts = histogram({.temperature = 1, .seed = 1}, logits, 20000);
  const std::array expected = {2000, 4000, 6000, 8000};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(counts[i], expected[i], 350) << i;
}

TEST(Sampler, TemperatureSharpens) {
  // At temperature 0.5 the odds 1:2 become 1:4.
  const std::vector<int> counts =
      histogram({.temperature = 0.5, .seed = 2}, {0, std::log(2.0F)}, 20000);
  EXPECT_NEAR(counts[0], 4000, 300);
  const std::vector<int> coldest = histogram({.temperature = 5e-324, .seed = 2}, {0, 1e-3F}, 100);
  EXPECT_EQ(coldest[1], 100);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  const Logits logits = {std::log(1.0F), std::log(4.0F), std::log(2.0F),
                         std::log(3.0F)};  // 0.1 0.4 0.2 0.3
  EXPECT_EQ(histogram({.temperature = 1, .top_p = 0.35}, logits, 200),
            (std::vector<int>{0, 200, 0, 0}));
  const std::vector<int> two = histogram({.temperature = 1, .top_p = 0.65}, logits, 7000);
  EXPECT_EQ(two[0] + two[2], 0);
  EXPECT_NEAR(two[1], 4000, 250);
  const std::vector<int> three = histogram({.temperature = 1, .top_p = 0.75}, logits, 9000);
  EXPECT_EQ(three[0], 0);
  EXPECT_NEAR(three[2], 2000, 250);
}

TEST(Sampler, TopPTakesTheLowerIdOfEquals) {
  EXPECT_EQ(histogram({.temperature = 1, .top_p = 0.5}, {0, 0}, 100), (std::vector<int>{100, 0}));
}

TEST(Sampler, TheSeedDecidesTheDraws) {
  const Logits logits(100, 0.0F);
  const auto draws = [&](uint64_t seed) {
    Sampler sampler({.temperature = 1, .seed = seed});
    std::vector<int32_t> ids;
    for (int i = 0; i < 8; ++i) ids.push_back(sampler.pick(logits));
    return ids;
  };
  EXPECT_EQ(draws(7), draws(7));
  EXPECT_NE(draws(7), draws(8));
}

TEST(Sampler, MarginOfADrawBelowTheLargestIsNegative) {
  const Logits logits = {0, 1};
  Sampler sampler({.temperature = 2, .seed = 3});
  while (sampler.pick(logits) != 0) EXPECT_EQ(sampler.margin(), 1);
  EXPECT_EQ(sampler.margin(), -1);
}

}  // namespace
}  // namespace m3
