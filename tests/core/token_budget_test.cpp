#include "core/token_budget.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/frame.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;

constexpr int64_t kSecond = 1'000'000'000;

int64_t at(double seconds) { return std::llround(seconds * 1e9); }

// What a stream showed, as somebody outside counts it.
struct Spent {
  int64_t at_ns;
  int tokens;
};

// The most by which any interval exceeds what the rule allows; 0 or less: the rule holds.
double worst_excess(std::vector<Spent> spent, double rate, double burst) {
  std::sort(spent.begin(), spent.end(),
            [](const Spent& a, const Spent& b) { return a.at_ns < b.at_ns; });
  double lacking = 0;  // of a full bucket, right after the last spending
  double worst = -burst;
  int64_t last_ns = spent.empty() ? 0 : spent.front().at_ns;
  for (const Spent& s : spent) {
    lacking = std::max(0.0, lacking - rate * static_cast<double>(s.at_ns - last_ns) * 1e-9);
    lacking += s.tokens;
    last_ns = s.at_ns;
    worst = std::max(worst, lacking - burst);
  }
  return worst;
}

TEST(TokenBudget, StartsFullAndFillsAtItsRate) {
  TokenBudget budget(10, 100);
  EXPECT_EQ(budget.available(at(5)), 100);
  EXPECT_TRUE(budget.take(at(5), 100));
  EXPECT_EQ(budget.available(at(5)), 0);
  EXPECT_DOUBLE_EQ(budget.available(at(5.25)), 2.5);
  EXPECT_DOUBLE_EQ(budget.available(at(9)), 40);
  EXPECT_EQ(budget.available(at(15)), 100);
  EXPECT_EQ(budget.available(at(1e6)), 100) << "never above the burst";
}

TEST(TokenBudget, LeavesTheBucketAloneWhenItRefuses) {
  TokenBudget budget(10, 40);
  EXPECT_FALSE(budget.take(0, 41));
  EXPECT_EQ(budget.available(0), 40);
  EXPECT_TRUE(budget.take(0, 36));
  EXPECT_FALSE(budget.take(at(0.4), 9)) << "holds 8";
  EXPECT_TRUE(budget.take(at(0.5), 9)) << "holds 9, to the hair";
}

TEST(TokenBudget, EarnsNothingTwiceWhenTimeRunsBackwards) {
  TokenBudget budget(10, 100);
  EXPECT_TRUE(budget.take(at(10), 100));
  EXPECT_EQ(budget.available(at(10)), 0);
  EXPECT_EQ(budget.available(at(0)), 100)
      << "ten seconds before, the bucket was full and may be emptied";
  EXPECT_EQ(budget.available(at(6)), 40) << "what [6, 10] earns pays for the 100 at 10 first";
  EXPECT_TRUE(budget.take(at(6), 40));
  EXPECT_EQ(budget.available(at(6)), 0);
  EXPECT_EQ(budget.available(at(10)), 0);
  EXPECT_DOUBLE_EQ(budget.available(at(12)), 20);
}

TEST(TokenBudget, WithoutARateHasNoLimit) {
  TokenBudget budget(0, 0);
  EXPECT_TRUE(std::isinf(budget.available(0)));
  EXPECT_TRUE(budget.take(0, 1'000'000));
  EXPECT_TRUE(budget.take(0, 1'000'000));
}

TEST(TokenBudget, SpendsAtTheLatestTimeWhenNoTimeIsKnown) {
  TokenBudget budget(10, 100);
  EXPECT_TRUE(budget.take(at(50), 100));
  EXPECT_EQ(budget.available(kNoTime), 0);
  EXPECT_EQ(budget.latest_ns(), at(50));
}

TEST(TokenBudget, SurvivesTheEndsOfTime) {
  TokenBudget budget(1e6, 1e9);
  EXPECT_TRUE(budget.take(INT64_MAX, 1000));
  EXPECT_TRUE(budget.take(INT64_MIN + 1, 1000));
  EXPECT_GE(budget.available(0), 0);
  EXPECT_LE(budget.available(INT64_MAX), 1e9);
}

TEST(TokenBudget, GivesBackWhatWasNotShown) {
  TokenBudget budget(10, 100);
  EXPECT_TRUE(budget.take(at(1), 100));
  budget.give_back(at(1), 60);
  EXPECT_EQ(budget.available(at(1)), 60);
  budget.give_back(at(1), 1000);
  EXPECT_EQ(budget.available(at(1)), 100) << "never above the burst";
}

TEST(TokenBudget, GivesNothingBackForTimeInWhichTheBucketWasFullAnyway) {
  TokenBudget budget(10, 100);
  EXPECT_TRUE(budget.take(0, 50));
  EXPECT_TRUE(budget.take(at(5), 100)) << "full again";
  budget.give_back(0, 50);
  EXPECT_EQ(budget.available(at(5)), 0) << "else 150 would be spent at one moment";
}

TEST(TokenBudget, GivesBackOnlyWhatWasTakenAtThatTime) {
  TokenBudget budget(10, 100);
  EXPECT_TRUE(budget.take(at(1), 50));
  EXPECT_TRUE(budget.take(at(2), 50));
  budget.give_back(at(1.5), 50);
  EXPECT_EQ(budget.available(at(2)), 10);
}

TEST(TokenBudget, PlacesAStreamThatLagsFarAtTheLatestTime) {
  TokenBudget budget(10, 100);
  EXPECT_TRUE(budget.take(at(1000), 70));
  const double lag = TokenBudget::kHorizonSeconds + 1;
  EXPECT_EQ(budget.available(at(1000 - lag)), 30);
  EXPECT_TRUE(budget.take(at(1000 - lag), 30));
  EXPECT_EQ(budget.available(at(1000)), 0);
  budget.give_back(at(1000 - lag), 30);
  EXPECT_EQ(budget.available(at(1000)), 0) << "the 30 stand among another stream's 70";
}

TEST(TokenBudget, RefusesNumbersOutOfRange) {
  for (const double rate : {-1.0, 1e7, std::nan("")}) {
    EXPECT_EQ(error_of([&] { TokenBudget(rate, 100); }).code(), ErrorCode::kInvalidArgument)
        << rate;
  }
  for (const double burst : {0.0, 0.5, -3.0, 1e10, std::nan("")}) {
    EXPECT_EQ(error_of([&] { TokenBudget(1, burst); }).code(), ErrorCode::kInvalidArgument)
        << burst;
  }
  EXPECT_STREQ(error_of([] { TokenBudget(-1.5, 100); }).what(),
               "budget -1.5 is out of range; give 0 (no limit) to 1000000 visual tokens a second");
  TokenBudget budget(1, 1);
  EXPECT_EQ(error_of([&] { budget.take(0, -1); }).code(), ErrorCode::kInvalidArgument);
}

// One stream in order, at whatever times and sizes, some of it given back later.
TEST(TokenBudget, NeverSpendsMoreThanRateTimesTimePlusBurst) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const double rate = std::uniform_real_distribution<>(0.5, 200)(random);
    const double burst = std::uniform_real_distribution<>(1, 600)(random);
    TokenBudget budget(rate, burst);
    std::vector<Spent> spent;
    int64_t now_ns = 0;
    for (int i = 0; i < 400; ++i) {
      now_ns += at(std::exponential_distribution<>(i % 100 < 50 ? 25.0 : 0.5)(random));
      const int tokens = std::uniform_int_distribution<>(1, 160)(random);
      const double held = budget.available(now_ns);
      const bool taken = budget.take(now_ns, tokens);
      EXPECT_EQ(taken, held + 1e-6 >= tokens);
      if (taken) spent.push_back({now_ns, tokens});
      if (!spent.empty() && i % 5 == 0) {
        Spent& some = spent[spent.size() - 1 - std::min<size_t>(spent.size() - 1, random() % 8)];
        const int back = static_cast<int>(random() % static_cast<uint32_t>(some.tokens + 1));
        budget.give_back(some.at_ns, back);
        some.tokens -= back;
      }
    }
    EXPECT_LE(worst_excess(spent, rate, burst), 1e-3) << "seed " << seed;
  }
}

// Sixteen streams of one group, each at its own place in the same stretch of time, as files that
// are read at different speeds.
TEST(TokenBudget, KeepsTheRuleForSixteenStreamsOutOfStep) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const double rate = std::uniform_real_distribution<>(5, 200)(random);
    const double burst = std::uniform_real_distribution<>(36, 600)(random);
    TokenBudget budget(rate, burst);
    std::vector<int64_t> now_ns(16, 0);
    std::vector<Spent> spent;
    for (int i = 0; i < 4000; ++i) {
      int64_t& now = now_ns[random() % 16];
      const int64_t latest_ns = *std::max_element(now_ns.begin(), now_ns.end());
      now = std::max(now, latest_ns - at(40)) + at(std::exponential_distribution<>(8.0)(random));
      const int tokens = std::uniform_int_distribution<>(1, 144)(random);
      if (!budget.take(now, tokens)) continue;
      spent.push_back({now, tokens});
      if (i % 7 == 0) {
        budget.give_back(now, tokens / 2);
        spent.back().tokens -= tokens / 2;
      }
    }
    EXPECT_GT(spent.size(), 50U);
    EXPECT_LE(worst_excess(spent, rate, burst), 1e-3) << "seed " << seed;
  }
}

TEST(TokenBudget, KeepsTheRuleWhenItsBooksAreLong) {
  TokenBudget budget(25, 60);
  std::vector<Spent> spent;
  for (int i = 0; i < 20'000; ++i) {  // more than it keeps, and longer than it looks back
    const int64_t now_ns = i * kSecond / 25;
    if (budget.take(now_ns, 1)) spent.push_back({now_ns, 1});
    if (i % 1000 == 999 && budget.take(now_ns - at(30), 20)) spent.push_back({now_ns - at(30), 20});
  }
  EXPECT_GT(spent.size(), 19'000U);
  EXPECT_LE(worst_excess(spent, 25, 60), 1e-3);
}

TEST(TokenBudget, CountsRightWithManyThreads) {
  TokenBudget budget(100, 1000);
  std::vector<int64_t> sums(8, 0);
  std::vector<std::thread> threads;
  for (int64_t& sum : sums) {
    threads.emplace_back([&budget, &sum] {
      for (int i = 0; i < 500; ++i) sum += budget.take(i * kSecond / 100, 7) ? 7 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t total = 0;
  for (const int64_t sum : sums) total += sum;
  EXPECT_LE(total, 1000 + 100 * 5);
  EXPECT_GT(total, 1000 + 100 * 5 - 30);
}

TEST(SharedBudget, IsOneForAllStreamsOfAGroup) {
  const auto first = shared_budget("yard", 30, 300);
  const auto second = shared_budget("yard", 30, 300);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, shared_budget("hall", 30, 300));
  EXPECT_NE(shared_budget("", 30, 300), shared_budget("", 30, 300)) << "no group: one's own";
  EXPECT_TRUE(first->take(0, 300));
  EXPECT_EQ(second->available(0), 0);
}

TEST(SharedBudget, RefusesTwoRatesForOneGroup) {
  const auto held = shared_budget("gate", 30, 300);
  EXPECT_STREQ(
      error_of([] { shared_budget("gate", 40, 300); }).what(),
      "budget group \"gate\" is open with budget 30 and burst 300, not 40 and 300; give all "
      "its streams the same");
}

TEST(SharedBudget, IsForgottenWithItsLastStream) {
  shared_budget("door", 30, 300)->take(0, 300);
  EXPECT_EQ(shared_budget("door", 60, 600)->available(0), 600);
}

}  // namespace
}  // namespace m3
