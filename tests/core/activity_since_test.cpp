#include "core/activity_since.h"

#include <gtest/gtest.h>

namespace m3 {
namespace {

Activity seen(double motion, double complexity, bool scene, uint8_t luma) {
  Activity activity;
  activity.motion = motion;
  activity.complexity = complexity;
  activity.scene = scene;
  activity.signature.fill(luma);
  return activity;
}

TEST(ActivitySince, KeepsTheMostMotionAndAnyCutUntilTaken) {
  ActivitySince since;
  since.add(seen(0.1, 0.5, false, 10));
  since.add(seen(0.7, 0.6, true, 20));
  since.add(seen(0.2, 0.3, false, 30));
  const Activity taken = since.take();
  EXPECT_EQ(taken.motion, 0.7);
  EXPECT_TRUE(taken.scene);
}

TEST(ActivitySince, ShowsTheNewestFramesDetailAndPicture) {
  ActivitySince since;
  since.add(seen(0.1, 0.9, false, 10));
  since.add(seen(0.2, 0.3, false, 30));
  const Activity taken = since.take();
  EXPECT_EQ(taken.complexity, 0.3);
  EXPECT_EQ(taken.signature[0], 30);
}

TEST(ActivitySince, BeginsAnewAfterItWasTaken) {
  ActivitySince since;
  since.add(seen(0.7, 0.6, true, 20));
  since.take();
  since.add(seen(0.2, 0.3, false, 30));
  const Activity taken = since.take();
  EXPECT_EQ(taken.motion, 0.2);
  EXPECT_FALSE(taken.scene);
}

}  // namespace
}  // namespace m3
