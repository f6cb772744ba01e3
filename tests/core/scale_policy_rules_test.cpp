// What holds for any video and any number of streams: the budget rule, the ladder, no starvation,
// the same log the same decisions.
#include "core/scale_policy.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/core/scale_policy_stream.h"

namespace m3::test {
namespace {

Activity any_activity(std::mt19937& random, const Activity& before) {
  std::uniform_real_distribution<> unit(0, 1);
  Activity activity = before;
  activity.motion = unit(random) < 0.6 ? 0 : unit(random) * unit(random);
  activity.complexity = unit(random);
  activity.scene = unit(random) < 0.01;
  activity.heat[random() % activity.heat.size()] = static_cast<uint8_t>(random());
  if (unit(random) < 0.1 || activity.scene) {
    for (int i = 0; i < 20; ++i)
      activity.signature[random() % activity.signature.size()] = static_cast<uint8_t>(random());
  }
  return activity;
}

// Streams of a group, one after the other at random, each with times of its own.
TEST(ScalePolicy, KeepsTheBudgetRuleAndTheLadderWhateverTheVideo) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    const int streams = seed == 0 ? 1 : seed % 3 == 0 ? 16 : 1 + static_cast<int>(seed) * 16 / 12;
    const double rate = std::uniform_real_distribution<>(2, 200)(random);
    const double burst = std::uniform_real_distribution<>(1, 10)(random) * rate + 1;
    const auto budget = budget_of(rate, burst);
    ScalePolicyOptions options = every_frame();
    options.ladder =
        seed % 2 == 0 ? std::vector<int>{1, 9, 36, 144} : std::vector<int>{1, 4, 16, 64, 256};
    options.fixed_scale = seed % 5 == 0 ? options.ladder.back() : 0;
    options.crops = seed % 2 == 0;
    std::vector<std::unique_ptr<ScalePolicy>> policies;
    for (int i = 0; i < streams; ++i)
      policies.push_back(std::make_unique<ScalePolicy>(options, budget));
    std::vector<Activity> activities(policies.size(), rest());
    std::vector<double> now(policies.size(), 0);
    std::vector<std::pair<double, int>> spent;
    for (int i = 0; i < 3000; ++i) {
      const size_t s = random() % policies.size();
      now[s] = std::max(now[s], *std::max_element(now.begin(), now.end()) - 30) +
               std::exponential_distribution<>(10.0)(random);
      activities[s] = any_activity(random, activities[s]);
      if (random() % 500 == 0)
        policies[s]->set_load(std::uniform_real_distribution<>(0, 1)(random));
      Decision d = policies[s]->decide(activities[s], at(now[s]));
      EXPECT_EQ(d.action == Action::kEncode, d.scale > 0);
      if (d.action != Action::kEncode) continue;
      EXPECT_TRUE(std::binary_search(options.ladder.begin(), options.ladder.end(), d.scale));
      EXPECT_TRUE(d.crop_scale == 0 ||
                  std::binary_search(options.ladder.begin(), options.ladder.end(), d.crop_scale));
      EXPECT_GE(d.wanted, d.scale);
      if (random() % 4 == 0) {
        policies[s]->give_back(at(now[s]), d.scale - options.ladder.front());
        d.scale = options.ladder.front();
      }
      spent.emplace_back(now[s], d.tokens());
    }
    std::sort(spent.begin(), spent.end());
    double lacking = 0;
    double last = 0;
    for (const auto& [second, tokens] : spent) {
      lacking = std::max(0.0, lacking - rate * (second - last)) + tokens;
      last = second;
      ASSERT_LE(lacking, burst + 1e-3) << "seed " << seed << " at " << second;
    }
    EXPECT_GT(spent.size(), 20U);
  }
}

TEST(ScalePolicy, StarvesNoStreamOfAGroup) {
  for (const double rate : {4.0, 30.0, 200.0}) {
    const auto budget = budget_of(rate, std::max(144.0, 10 * rate));
    std::vector<std::unique_ptr<ScalePolicy>> policies;
    for (int i = 0; i < 16; ++i)
      policies.push_back(std::make_unique<ScalePolicy>(every_frame(), budget));
    std::vector<int> encoded(16, 0);
    std::vector<double> last(16, 0);
    double longest = 0;
    for (int frame = 0; frame < 3000; ++frame) {  // two minutes in step, all of them busy
      for (size_t s = 0; s < policies.size(); ++s) {
        if (policies[s]->decide(moving(), at(frame / 25.0)).action != Action::kEncode) continue;
        ++encoded[s];
        longest = std::max(longest, frame / 25.0 - last[s]);
        last[s] = frame / 25.0;
      }
    }
    EXPECT_GE(*std::min_element(encoded.begin(), encoded.end()), 10) << rate;
    EXPECT_LE(longest, 16 * 9 / rate + 5) << rate;
  }
}

TEST(ScalePolicy, DecidesTheSameFromTheSameLog) {
  std::mt19937 random(11);
  std::vector<std::pair<Activity, int64_t>> log;
  Activity activity = rest();
  for (int i = 0; i < 3000; ++i) {
    activity = any_activity(random, activity);
    log.emplace_back(activity, at(i / 12.5));
  }
  const auto replay = [&] {
    ScalePolicy policy(every_frame(), budget_of(30, 300));
    std::vector<std::tuple<Action, int, Reason>> decisions;
    for (const auto& [seen, pts_ns] : log) {
      const Decision d = policy.decide(seen, pts_ns);
      decisions.emplace_back(d.action, d.scale, d.reason);
    }
    return decisions;
  };
  EXPECT_EQ(replay(), replay());
}

}  // namespace
}  // namespace m3::test
