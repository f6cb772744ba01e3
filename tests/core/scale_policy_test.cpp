#include "core/scale_policy.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;

int64_t at(double seconds) { return std::llround(seconds * 1e9); }

std::shared_ptr<TokenBudget> budget_of(double rate, double burst) {
  return std::make_shared<TokenBudget>(rate, burst);
}

ScalePolicyOptions every_frame() {
  ScalePolicyOptions options;
  options.fps = 0;
  return options;
}

Activity rest() {
  Activity activity;
  activity.signature.fill(120);
  activity.complexity = 0.2;
  return activity;
}

Activity moving(double motion = 0.3, double complexity = 0.2) {
  Activity activity = rest();
  activity.motion = motion;
  activity.complexity = complexity;
  return activity;
}

Activity cut() {
  Activity activity = rest();
  activity.scene = true;
  activity.signature.fill(30);
  return activity;
}

// The picture with a thing of 2x4 blocks at column x.
Activity rest_with_thing(int x) {
  Activity activity = rest();
  for (int v = 6; v < 10; ++v) {
    for (int u = x; u < x + 2; ++u) activity.signature[v * kSignatureColumns + u] = 40;
  }
  return activity;
}

struct Shown {
  double second;
  int scale;
  Reason reason;
};

// A stream of 25 frames a second; keeps what was encoded.
class Stream {
 public:
  explicit Stream(ScalePolicy& policy) : policy_(policy) {}

  void play(const Activity& activity, double seconds) {
    const int frames = static_cast<int>(std::lround(seconds * 25));
    for (int i = 0; i < frames; ++i) step(activity);
  }
  Decision step(const Activity& activity) {
    const double second = frame_++ / 25.0;
    last_ = policy_.decide(activity, at(second));
    if (last_.action == Action::kEncode) shown.push_back({second, last_.scale, last_.reason});
    return last_;
  }
  double now() const { return frame_ / 25.0; }

  std::vector<Shown> shown;

 private:
  ScalePolicy& policy_;
  int frame_ = 0;
  Decision last_;
};

int tokens_of(const std::vector<Shown>& shown) {
  int sum = 0;
  for (const Shown& s : shown) sum += s.scale;
  return sum;
}

TEST(ScalePolicy, ShowsTheFirstFrameFine) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  const Decision decision = policy.decide(rest(), 0);
  EXPECT_EQ(decision.action, Action::kEncode);
  EXPECT_EQ(decision.scale, 144);
  EXPECT_EQ(decision.reason, Reason::kFirst);
}

TEST(ScalePolicy, LeavesHalfOfWhatIsSavedForTheNextEvent) {
  ScalePolicy policy(every_frame(), budget_of(5, 144));
  EXPECT_EQ(policy.decide(rest(), 0).scale, 36);
}

TEST(ScalePolicy, SpendsNextToNothingOnAPictureAtRest) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  Stream stream(policy);
  stream.play(rest(), 61);
  ASSERT_EQ(stream.shown.size(), 7U);
  for (size_t i = 1; i < stream.shown.size(); ++i) {
    EXPECT_EQ(stream.shown[i].scale, 9);
    EXPECT_EQ(stream.shown[i].reason, Reason::kRefresh);
    EXPECT_DOUBLE_EQ(stream.shown[i].second, 10.0 * static_cast<double>(i));
  }
}

TEST(ScalePolicy, ReusesForGoodWithoutARefresh) {
  ScalePolicyOptions options = every_frame();
  options.refresh_seconds = 0;
  ScalePolicy policy(options, budget_of(64, 640));
  Stream stream(policy);
  stream.play(rest(), 300);
  EXPECT_EQ(stream.shown.size(), 1U);
  const Decision decision = stream.step(rest());
  EXPECT_EQ(decision.action, Action::kReuse);
  EXPECT_EQ(decision.scale, 0);
  EXPECT_EQ(decision.reason, Reason::kStatic);
}

TEST(ScalePolicy, ShowsTheStartOfMotionAtOnce) {
  ScalePolicy policy(every_frame(), budget_of(30, 300));
  Stream stream(policy);
  stream.play(rest(), 3);
  const Decision decision = stream.step(moving(0.08));
  EXPECT_EQ(decision.scale, 36);
  EXPECT_EQ(decision.reason, Reason::kMotion);
}

TEST(ScalePolicy, ShowsACutFine) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  Stream stream(policy);
  stream.play(rest(), 3);
  const Decision decision = stream.step(cut());
  EXPECT_EQ(decision.scale, 144);
  EXPECT_EQ(decision.reason, Reason::kScene);
}

TEST(ScalePolicy, TakesCutsInAHurryForMotion) {
  const auto budget = budget_of(30, 300);
  ScalePolicy policy(every_frame(), budget);
  Stream stream(policy);
  stream.play(rest(), 10);
  stream.play(cut(), 60);
  EXPECT_GE(budget->available(at(stream.now())), 72) << "two events find enough";
}

// What goes on moving spends as much as comes in, so the next event still finds a saved half.
TEST(ScalePolicy, KeepsAReserveInABusyScene) {
  const auto budget = budget_of(30, 300);
  ScalePolicy policy(every_frame(), budget);
  Stream stream(policy);
  for (int minute = 0; minute < 10; ++minute) {
    stream.play(moving(), 60);
    EXPECT_GE(budget->available(at(stream.now())), 100);
  }
  EXPECT_GE(tokens_of(stream.shown), 0.95 * 30 * 600) << "and wastes nothing";
  stream.play(rest(), 1);
  EXPECT_EQ(stream.step(moving()).scale, 36);
}

TEST(ScalePolicy, ShowsContinuingMotionAtASteadyScale) {
  ScalePolicy policy(every_frame(), budget_of(30, 300));
  Stream stream(policy);
  stream.play(moving(), 120);
  int changes = 0;
  for (size_t i = 2; i < stream.shown.size(); ++i)
    changes += stream.shown[i].scale != stream.shown[i - 1].scale;
  EXPECT_LE(changes, 2);
}

TEST(ScalePolicy, WaitsLongerOnlyAfterAllCoarserScales) {
  double longest = 0;
  ScalePolicy policy(every_frame(), budget_of(1, 10));
  Stream stream(policy);
  stream.play(moving(), 120);
  for (size_t i = 1; i < stream.shown.size(); ++i) {
    longest = std::max(longest, stream.shown[i].second - stream.shown[i - 1].second);
  }
  EXPECT_LE(longest, 10);
  EXPECT_GE(tokens_of(stream.shown), 90);
}

TEST(ScalePolicy, LooksCloserAtMotionWithDetail) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  Stream stream(policy);
  stream.play(rest(), 5);
  stream.shown.clear();
  stream.play(moving(0.3, 0.6), 5);
  ASSERT_GE(stream.shown.size(), 3U);
  EXPECT_EQ(stream.shown[0].scale, 36);
  const auto finer = std::find_if(stream.shown.begin(), stream.shown.end(),
                                  [](const Shown& s) { return s.reason == Reason::kDetail; });
  ASSERT_NE(finer, stream.shown.end());
  EXPECT_EQ(finer->scale, 144);
  EXPECT_NEAR(finer->second, 5.6, 0.041);
}

TEST(ScalePolicy, ShowsAgainWhatCameFurtherIntoView) {
  ScalePolicy policy(every_frame(), budget_of(30, 300));
  Stream stream(policy);
  stream.play(rest(), 5);
  stream.shown.clear();
  stream.play(moving(0.06), 0.32);
  EXPECT_EQ(stream.shown.size(), 1U);
  EXPECT_EQ(stream.step(moving(0.3)).scale, 36);
}

TEST(ScalePolicy, ShowsWhatMotionLeftBehind) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  Stream stream(policy);
  stream.play(rest(), 5);
  Activity entering = rest_with_thing(10);
  entering.motion = 0.3;
  stream.play(entering, 2);
  stream.shown.clear();
  stream.play(rest_with_thing(20), 5);
  ASSERT_EQ(stream.shown.size(), 1U);
  EXPECT_EQ(stream.shown[0].reason, Reason::kMotion);
  EXPECT_LE(stream.shown[0].second, 8.2);
}

TEST(ScalePolicy, ShowsWhatCreptInWithoutMotion) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  Stream stream(policy);
  stream.play(rest(), 5);
  stream.shown.clear();
  stream.play(rest_with_thing(12), 3);
  ASSERT_EQ(stream.shown.size(), 1U);
  EXPECT_EQ(stream.shown[0].scale, 36);
  EXPECT_EQ(stream.shown[0].reason, Reason::kMotion);
}

TEST(ScalePolicy, SpendsNothingOnASlowSunset) {
  ScalePolicyOptions options = every_frame();
  options.refresh_seconds = 0;
  ScalePolicy policy(options, budget_of(64, 640));
  Stream stream(policy);
  Activity activity = rest_with_thing(15);
  const Signature day = activity.signature;
  for (int i = 0; i < 1500; ++i) {
    for (size_t b = 0; b < day.size(); ++b) {
      activity.signature[b] = static_cast<uint8_t>(std::lround(day[b] * (1 - 0.7 * i / 1500)));
    }
    stream.step(activity);
  }
  EXPECT_EQ(stream.shown.size(), 1U);
}

TEST(ScalePolicy, RefinesAPictureAtRestWhenTheBucketIsFull) {
  ScalePolicy policy(every_frame(), budget_of(30, 300));
  Stream stream(policy);
  Activity gone = rest_with_thing(14);
  gone.complexity = 0.6;
  stream.play(moving(), 5);
  stream.shown.clear();
  stream.play(gone, 9.5);
  ASSERT_EQ(stream.shown.size(), 2U);
  EXPECT_EQ(stream.shown[0].scale, 36);
  EXPECT_EQ(stream.shown[1].scale, 144);
  EXPECT_EQ(stream.shown[1].reason, Reason::kDetail);
}

TEST(ScalePolicy, GivesAFixedScaleToEveryFrameThatTheBudgetAffords) {
  ScalePolicyOptions options = every_frame();
  options.fixed_scale = 36;
  ScalePolicy free(options, budget_of(0, 0));
  Stream stream(free);
  stream.play(rest(), 4);
  EXPECT_EQ(stream.shown.size(), 100U);
  EXPECT_EQ(tokens_of(stream.shown), 3600);
  EXPECT_EQ(stream.shown[50].reason, Reason::kFixed);
}

TEST(ScalePolicy, FallsToCoarserScalesAsTheBudgetRunsOut) {
  ScalePolicyOptions options = every_frame();
  options.fixed_scale = 144;
  ScalePolicy policy(options, budget_of(1, 200));
  std::vector<std::tuple<int, std::string>> got;
  for (int i = 0; i < 14; ++i) {
    const Decision d = policy.decide(rest(), 0);
    got.emplace_back(d.scale, to_string(d.reason));
  }
  const std::vector<std::tuple<int, std::string>> want = {
      {144, "fixed"}, {36, "budget"}, {9, "budget"}, {9, "budget"}, {1, "budget"},
      {1, "budget"},  {0, "budget"},  {0, "budget"}, {0, "budget"}, {0, "budget"},
      {0, "budget"},  {0, "budget"},  {0, "budget"}, {0, "budget"}};
  EXPECT_EQ(got, want);
  EXPECT_EQ(policy.decide(rest(), at(1)).scale, 1);
  EXPECT_EQ(policy.decide(rest(), at(1)).action, Action::kReuse);
}

TEST(ScalePolicy, ComesLessOftenAndCoarserUnderLoad) {
  ScalePolicy idle(every_frame(), budget_of(64, 640));
  ScalePolicy busy(every_frame(), budget_of(64, 640));
  Stream idle_stream(idle);
  Stream busy_stream(busy);
  busy.set_load(0.6);
  idle_stream.play(moving(), 30);
  busy_stream.play(moving(), 30);
  EXPECT_EQ(busy_stream.shown[0].scale, 36);
  EXPECT_EQ(busy_stream.shown[0].reason, Reason::kBusy);
  EXPECT_LE(tokens_of(busy_stream.shown), tokens_of(idle_stream.shown) / 2);
  busy.set_load(0);
  busy_stream.play(rest(), 5);
  EXPECT_EQ(busy_stream.step(moving()).scale, 36);
  busy.set_load(1);
  busy_stream.play(rest(), 5);
  EXPECT_EQ(busy_stream.step(moving()).scale, 1);
}

TEST(ScalePolicy, EarnsNothingByStartingAnew) {
  const auto budget = budget_of(10, 100);
  ScalePolicyOptions options = every_frame();
  options.fixed_scale = 144;
  ScalePolicy policy(options, budget);
  int tokens = 0;
  for (int i = 0; i < 50; ++i) {  // somebody scrubs through the file
    tokens += policy.decide(rest(), at(100 - i)).scale;
    policy.reset();
  }
  EXPECT_LE(tokens, 100);
  EXPECT_EQ(policy.decide(rest(), at(50)).action, Action::kReuse);
  EXPECT_EQ(policy.decide(rest(), at(51)).scale, 9) << "and then earns as before";
}

TEST(ScalePolicy, StartsAnewWhenTimeJumpsBack) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  policy.decide(rest(), at(100));
  EXPECT_EQ(policy.decide(rest(), at(99.9)).reason, Reason::kStatic) << "a little out of order";
  EXPECT_EQ(policy.decide(rest(), at(3)).reason, Reason::kFirst);
}

TEST(ScalePolicy, SpendsWithItsGroupThoughItsClockIsAnother) {
  const auto budget = budget_of(10, 100);
  ScalePolicyOptions options = every_frame();
  options.fixed_scale = 36;
  ScalePolicy old(options, budget);
  options.own_clock = true;
  ScalePolicy joined(options, budget);
  EXPECT_EQ(old.decide(rest(), at(20)).scale, 36);
  EXPECT_EQ(joined.decide(rest(), at(0)).scale, 36);
  EXPECT_EQ(old.decide(rest(), at(20)).scale, 9) << "28 were left at this moment of both";
}

TEST(ScalePolicy, HandsBackWhatWasNotShown) {
  const auto budget = budget_of(10, 200);
  ScalePolicyOptions options = every_frame();
  options.fixed_scale = 144;
  ScalePolicy policy(options, budget);
  EXPECT_EQ(policy.decide(rest(), at(7)).scale, 144);
  policy.give_back(at(7), 108);
  EXPECT_EQ(budget->available(at(7)), 164);
}

TEST(ScalePolicy, LooksAtAsManyFramesASecondAsAsked) {
  ScalePolicyOptions options;
  const auto looks = [](ScalePolicy& policy, const std::vector<int64_t>& times) {
    std::vector<size_t> picked;
    for (size_t i = 0; i < times.size(); ++i) {
      if (policy.samples(times[i])) picked.push_back(i);
    }
    return picked;
  };
  std::vector<int64_t> film;
  for (int i = 0; i < 100; ++i) film.push_back(at(i / 25.0));
  ScalePolicy two(options, budget_of(64, 640));
  EXPECT_EQ(looks(two, film), (std::vector<size_t>{0, 13, 25, 38, 50, 63, 75, 88}));

  std::vector<int64_t> ntsc;  // times rounded to milliseconds, as Matroska keeps them
  for (int i = 0; i < 3000; ++i) ntsc.push_back(std::llround(i * 1001 / 30.0) * 1'000'000);
  ScalePolicy rounded(options, budget_of(64, 640));
  const size_t count = looks(rounded, ntsc).size();
  EXPECT_NEAR(static_cast<double>(count), 200.2, 1);

  options.fps = 30;
  ScalePolicy faster_than_film(options, budget_of(64, 640));
  EXPECT_EQ(looks(faster_than_film, film).size(), 100U);

  options.fps = 0;
  ScalePolicy all(options, budget_of(64, 640));
  EXPECT_EQ(looks(all, film).size(), 100U);
}

TEST(ScalePolicy, LooksAgainAfterAGapOrAJumpBack) {
  ScalePolicy policy(ScalePolicyOptions{}, budget_of(64, 640));
  EXPECT_TRUE(policy.samples(at(10)));
  EXPECT_FALSE(policy.samples(at(10.4)));
  EXPECT_TRUE(policy.samples(at(60.2))) << "a gap";
  EXPECT_FALSE(policy.samples(at(60.6)));
  EXPECT_TRUE(policy.samples(at(60.7)));
  EXPECT_TRUE(policy.samples(at(5))) << "a jump back";
  EXPECT_FALSE(policy.samples(at(5.2)));
  EXPECT_TRUE(policy.samples(kNoTime)) << "without a time";
}

TEST(ScalePolicy, WorksWithoutTimes) {
  ScalePolicy policy(every_frame(), budget_of(64, 640));
  EXPECT_EQ(policy.decide(rest(), kNoTime).scale, 144);
  EXPECT_EQ(policy.decide(rest(), kNoTime).reason, Reason::kStatic);
}

TEST(ScalePolicy, RefusesOptionsThatCannotBe) {
  const auto refuses = [](auto change) {
    ScalePolicyOptions options;
    change(options);
    return error_of([&] { ScalePolicy(options, budget_of(64, 640)); }).what() + std::string();
  };
  refuses([](auto& o) { o.ladder = {}; });
  refuses([](auto& o) { o.ladder = {0, 9}; });
  refuses([](auto& o) { o.ladder = {9, 9}; });
  refuses([](auto& o) { o.ladder = {36, 9}; });
  refuses([](auto& o) { o.fps = -1; });
  refuses([](auto& o) { o.fps = std::nan(""); });
  refuses([](auto& o) { o.refresh_seconds = -1; });
  EXPECT_EQ(refuses([](auto& o) { o.fixed_scale = 7; }),
            "scale 7 is not on the model's ladder; give auto or one of 1, 9, 36, 144");
  EXPECT_EQ(error_of([] { ScalePolicy({}, nullptr); }).code(), ErrorCode::kInvalidArgument);
  ScalePolicyOptions coarse;
  coarse.ladder = {36, 144};
  EXPECT_EQ(error_of([&] { ScalePolicy(coarse, budget_of(1, 20)); }).code(),
            ErrorCode::kInvalidArgument);
}

Activity any_activity(std::mt19937& random, const Activity& before) {
  std::uniform_real_distribution<> unit(0, 1);
  Activity activity = before;
  activity.motion = unit(random) < 0.6 ? 0 : unit(random) * unit(random);
  activity.complexity = unit(random);
  activity.scene = unit(random) < 0.01;
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
    const int streams = seed % 3 == 0 ? 1 : 16;
    const double rate = std::uniform_real_distribution<>(2, 200)(random);
    const double burst = std::uniform_real_distribution<>(1, 10)(random) * rate + 1;
    const auto budget = budget_of(rate, burst);
    ScalePolicyOptions options = every_frame();
    options.ladder =
        seed % 2 == 0 ? std::vector<int>{1, 9, 36, 144} : std::vector<int>{1, 4, 16, 64, 256};
    options.fixed_scale = seed % 5 == 0 ? options.ladder.back() : 0;
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
      if (random() % 4 == 0) {
        policies[s]->give_back(at(now[s]), d.scale - options.ladder.front());
        d.scale = options.ladder.front();
      }
      spent.emplace_back(now[s], d.scale);
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
}  // namespace m3
