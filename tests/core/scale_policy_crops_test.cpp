// Regions of interest, crops, and what a frame would have got.
#include "core/scale_policy.h"

#include <gtest/gtest.h>

#include "tests/core/scale_policy_stream.h"

namespace m3::test {
namespace {

TEST(ScalePolicy, SaysWhereMotionOfInterestIsTheReason) {
  ScalePolicy policy(every_frame(), budget_of(30, 300));
  Stream stream(policy);
  stream.play(rest(), 2);
  Activity there = moving();
  there.interest = true;
  EXPECT_EQ(stream.step(there).reason, Reason::kRoi);
}

// Something of one block that moves in the middle of the left half.
Activity far_away() {
  Activity activity = moving(0.1);
  activity.heat[9 * kSignatureColumns + 8] = 200;
  return activity;
}

TEST(ScalePolicy, LooksCloserAtSomethingSmallThatMovesWhenAskedTo) {
  for (const bool crops : {false, true}) {
    ScalePolicyOptions options = every_frame();
    options.crops = crops;
    const auto budget = budget_of(30, 300);
    ScalePolicy policy(options, budget);
    Stream stream(policy);
    stream.play(rest(), 10);
    const double before = budget->available(at(10));
    const Decision decision = stream.step(far_away());
    EXPECT_EQ(decision.action, Action::kEncode);
    EXPECT_EQ(decision.scale, 36);
    EXPECT_EQ(decision.crop_scale, crops ? 36 : 0);
    EXPECT_EQ(decision.tokens(), crops ? 72 : 36);
    EXPECT_NEAR(budget->available(at(10)), before - decision.tokens(), 1e-6) << "it is paid for";
    EXPECT_EQ(decision.crop.side, crops ? kSmallestCrop : 0);
  }
}

TEST(ScalePolicy, LeavesCropsOutWhereTheNextEventWouldMissTheirTokens) {
  ScalePolicyOptions options = every_frame();
  options.crops = true;
  ScalePolicy policy(options, budget_of(2, 145));
  Stream stream(policy);
  EXPECT_EQ(stream.step(rest()).scale, 36);  // of 145
  stream.play(rest(), 1);
  EXPECT_EQ(stream.step(far_away()).crop_scale, 36) << "of 75 that are left";
  stream.play(rest(), 2);
  EXPECT_EQ(stream.step(far_away()).crop_scale, 0);
}

TEST(ScalePolicy, TellsWhatAFrameWouldHaveGot) {
  ScalePolicyOptions options = every_frame();
  options.fixed_scale = 144;
  ScalePolicy policy(options, budget_of(30, 200));
  Stream stream(policy);
  EXPECT_EQ(stream.step(rest()).wanted, 144);
  const Decision poor = stream.step(rest());
  EXPECT_EQ(poor.scale, 36);
  EXPECT_EQ(poor.wanted, 144);
  EXPECT_EQ(poor.reason, Reason::kBudget);
  stream.step(rest());
  for (int i = 0; i < 20; ++i) stream.step(rest());
  const Decision none = stream.step(rest());
  EXPECT_EQ(none.action == Action::kEncode ? none.scale : 0, none.scale);
  EXPECT_EQ(none.wanted, 144);
}

}  // namespace
}  // namespace m3::test
