#include "core/scale_policy.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/core/scale_policy_stream.h"
#include "tests/support/error_of.h"

namespace m3::test {
namespace {

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

}  // namespace
}  // namespace m3::test
