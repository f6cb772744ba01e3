// The way of a frame through what m3motion and m3scale do allocates nothing once the first frames
// are through.
#include <gtest/gtest.h>

#include <memory>

#include "core/activity_since.h"
#include "core/codec_rest.h"
#include "core/scale_policy.h"
#include "core/vision/frame_activity.h"
#include "tests/support/allocation_counter.h"
#include "tests/vision/scene.h"

namespace m3 {
namespace {

using test::Scene;

TEST(Allocations, NoneAFrameAfterTheFirstSeconds) {
  if (!M3_COUNTS_ALLOCATIONS) GTEST_SKIP() << "a sanitizer has the allocator";
  Scene scene;
  FrameActivity activity;
  ActivitySince since;
  CodecRest rest;
  CodecMotion codec;
  codec.type = PictureType::kPredicted;
  ScalePolicyOptions options;
  options.fps = 0;
  options.crops = true;
  ScalePolicy policy(options, std::make_shared<TokenBudget>(30, 300));
  uint64_t before = 0;
  int encoded = 0;
  int crops = 0;
  for (int i = 0; i < 250; ++i) {
    // A camera that shakes, noise, and from time to time somebody.
    scene.look(i % 3, i % 2);
    if (i % 60 > 30) scene.person(5 * (i % 60), 400, 30, 60);
    scene.noise(3);
    if (i == 125) before = test::allocations;
    const FrameView frame = scene.frame(i * 0.04);
    codec.packet_bytes = 1000 + 10 * static_cast<uint32_t>(i % 7);
    const bool passed = rest.rests(codec, frame.pts_ns);
    const Activity seen = passed ? activity.pass(frame.pts_ns) : activity.measure(frame);
    if (!passed) rest.learn(seen.motion > 0);
    since.add(seen);
    if (!policy.samples(frame.pts_ns)) continue;
    const Decision decision = policy.decide(since.take(), frame.pts_ns);
    encoded += decision.scale > 0;
    crops += decision.crop_scale > 0;
  }
  const uint64_t allocated = test::allocations - before;
  EXPECT_EQ(allocated, 0U);
  EXPECT_GT(before, 10U) << "the counter counts";
  EXPECT_GT(encoded, 2);
  EXPECT_GT(crops, 0);
}

}  // namespace
}  // namespace m3
