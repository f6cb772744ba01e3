// A fixed camera's scene at 720p, with what real cameras put on it.
#include "core/vision/frame_activity.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"
#include "tests/vision/scene.h"

namespace m3 {
namespace {

using test::error_of;
using test::Picture;
using test::Scene;

constexpr double kStarts =
    0.045;  // motion from which the scale policy takes something for an event
constexpr double kNothing = 0.005;

struct Seen {
  double most = 0;  // motion, the first frames apart
  int first = -1;   // frame whose motion an event would start with
  int moving = 0;   // frames with as much
  int cuts = 0;
  Activity last;
};

// draw(scene, i) makes frame i.
Seen watch(double fps, int frames, const std::function<void(Scene&, int)>& draw, int settle = 0) {
  Scene scene;
  FrameActivity activity;
  Seen seen;
  for (int i = 0; i < frames; ++i) {
    draw(scene, i);
    seen.last = activity.measure(scene.frame(i / fps));
    if (i < settle) continue;
    const bool moves = seen.last.motion >= kStarts;
    if (moves && seen.first < 0) seen.first = i;
    seen.moving += moves;
    seen.most = std::max(seen.most, seen.last.motion);
    seen.cuts += seen.last.scene;
  }
  return seen;
}

int shake(Scene& scene) { return scene.below(7) - 3; }

TEST(FrameActivity, TakesSensorNoiseForRestAndTellsItsStrength) {
  const Seen seen = watch(10, 60, [](Scene& s, int) { s.look().noise(8); });
  EXPECT_LT(seen.most, kNothing);
  EXPECT_GT(seen.last.noise, 6);
  EXPECT_LT(seen.last.noise, 16);
}

TEST(FrameActivity, TakesFlickeringLampsForRest) {
  const auto lamps = [](Scene& s, int i) { s.look().light(1 + 0.1F * std::sin(i * 2.3F)); };
  EXPECT_LT(watch(10, 60, lamps).most, kNothing);
}

TEST(FrameActivity, TakesASlowSunsetForRest) {
  const auto sunset = [](Scene& s, int i) { s.look().light(1 - 0.7F * i / 80).noise(4); };
  EXPECT_LT(watch(2, 80, sunset).most, kNothing);
}

TEST(FrameActivity, TakesACameraThatJittersByThreePixelsForRest) {
  const auto jitter = [](Scene& s, int) {
    const int x_px = shake(s);
    s.look(x_px, shake(s));
  };
  EXPECT_LT(watch(10, 60, jitter).most, kNothing);
}

TEST(FrameActivity, TakesACameraThatSwaysInTheWindForRestFromItsFirstSecondOn) {
  const auto sway = [](Scene& s, int i) {
    s.look(std::lround(3 * std::sin(i * 0.226)), std::lround(3 * std::sin(i * 0.327 + 1))).noise(4);
  };
  EXPECT_LT(watch(25, 75, sway).most, kNothing);
}

TEST(FrameActivity, KeepsTheSignatureOfAShakingCameraInPlace) {
  FrameActivity activity;
  Scene scene;
  const Signature still = activity.measure(scene.look().frame(0)).signature;
  const auto differs = [&](const Signature& other) {
    double sum = 0;
    for (size_t i = 0; i < still.size(); ++i) sum += std::abs(still[i] - other[i]);
    return sum / static_cast<double>(still.size());
  };
  const double moved = differs(activity.measure(scene.look(16, 0).frame(0.1)).signature);
  const double raw = differs(FrameActivity().measure(scene.look(16, 0).frame(0)).signature);
  EXPECT_GT(raw, 3);
  EXPECT_LT(moved, raw / 4);
}

TEST(FrameActivity, LearnsThatRainIsNoEvent) {
  const auto rain = [](Scene& s, int) { s.look().rain(300); };
  EXPECT_LT(watch(25, 60, rain, 25).most, kStarts / 2);
}

// 12x30 pixels is somebody 80 m from a usual camera.
TEST(FrameActivity, SeesAFarPersonEnterWithinATenthOfASecondOfBeingWhollyInView) {
  const Seen seen = watch(25, 70, [](Scene& s, int i) {
    s.look();
    if (i >= 45) s.person(-12 + 3 * (i - 45), 400, 12, 30);
  });
  EXPECT_GE(seen.first, 46);
  EXPECT_LE(seen.first, 51);
  EXPECT_GE(seen.moving, 15) << "and keeps on seeing them";
}

TEST(FrameActivity, SeesAPersonOfTwentyPixels) {
  const Seen seen = watch(25, 80, [](Scene& s, int i) {
    s.look();
    if (i >= 45) s.person(-8 + 2 * (i - 45), 400, 8, 20);
  });
  EXPECT_GE(seen.first, 46);
  EXPECT_LE(seen.first, 54);
}

TEST(FrameActivity, SeesAFarPersonThroughNoiseAndAShakingCamera) {
  const Seen seen = watch(10, 60, [](Scene& s, int i) {
    const int x_px = shake(s);
    const int y_px = shake(s);
    s.look(x_px, y_px);
    if (i >= 40) s.person(-12 + 8 * (i - 40) - x_px, 400 - y_px, 12, 30);
    s.noise(4);
  });
  EXPECT_GE(seen.first, 41);
  EXPECT_LE(seen.first, 44);
}

TEST(FrameActivity, FindsACutOnceAndNothingElseInIt) {
  Scene scene;
  FrameActivity activity;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(activity.measure(scene.look().frame(i * 0.04)).scene);
  Scene there(7);
  const Activity cut = activity.measure(there.look().frame(0.2));
  EXPECT_TRUE(cut.scene);
  EXPECT_EQ(cut.motion, 0);
  const Activity after = activity.measure(there.look().frame(0.24));
  EXPECT_FALSE(after.scene);
  EXPECT_LT(after.motion, kNothing);
}

TEST(FrameActivity, APanIsNoCut) {
  const auto pan = [](Scene& s, int i) { s.look(std::max(0, i - 10) * 4, 0); };
  EXPECT_EQ(watch(25, 60, pan).cuts, 0);
}

TEST(FrameActivity, FineDetailIsMoreComplexThanAPlainWall) {
  FrameActivity activity;
  Picture wall(PixelFormat::kI420, 1280, 720);
  const double plain = activity.measure(wall.fill_luma(90).view()).complexity;
  EXPECT_EQ(plain, 0);
  // Squares of one signature block: 8x6 means lose all of them.
  wall.fill(0, [](int x, int y) { return (x / 40 + y / 40) % 2 == 0 ? 60 : 120; });
  EXPECT_NEAR(activity.measure(wall.view()).complexity, 30.0 / 50, 0.01);
  // Squares larger than a cell of a coarse scale: nothing is lost.
  wall.fill(0, [](int x, int y) { return (x / 160 + y / 120) % 2 == 0 ? 60 : 120; });
  EXPECT_LT(activity.measure(wall.view()).complexity, 0.01);
}

TEST(FrameActivity, APictureOfAFewPixelsHasNoMotion) {
  FrameActivity activity;
  Picture tiny(PixelFormat::kRgb, 11, 7, 5);
  activity.measure(tiny.fill_luma(10).view());
  EXPECT_EQ(activity.measure(tiny.fill_luma(200).view()).motion, 0);
}

TEST(FrameActivity, RefusesFramesInDeviceMemory) {
  FrameView view = Picture(PixelFormat::kI420, 64, 48).view();
  view.memory = MemoryKind::kCuda;
  EXPECT_EQ(error_of([&] { FrameActivity().measure(view); }).code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace m3
