// What the memory takes for a scene, and how scenes outlast the frames between them.
#include <gtest/gtest.h>

#include <vector>

#include "core/window_memory.h"
#include "tests/core/memory_frames.h"

namespace m3 {
namespace {

using Kind = MemoryOperation::Kind;
using test::frame;
using test::kLadder;
using test::kSecond;

TEST(WindowMemoryScenes, AFrameThatBeginsASceneStaysFinerForLonger) {
  WindowMemory memory({.visual_tokens = 200}, kLadder);
  for (int second = 0; second < 40; ++second) {
    const double scene = second < 20 ? 0 : 90;
    memory.append(frame(second, 36, scene + second % 2));
  }
  const auto scale_at = [&](int second) {
    for (const MemorySpan& span : memory.spans()) {
      if (span.from_ns <= second * kSecond && second * kSecond <= span.to_ns)
        return span.visual_tokens;
    }
    return 0;
  };
  EXPECT_TRUE(memory.spans().size() > 6);
  EXPECT_GT(scale_at(20), scale_at(19));
  EXPECT_GT(scale_at(20), scale_at(21));
  EXPECT_GT(scale_at(0), scale_at(1));
}

TEST(WindowMemoryScenes, WhenAllElseIsAveragedScenesAreTheFewestForTheirAge) {
  WindowMemory memory({.visual_tokens = 8}, {1});
  // Scenes of three frames each, 90 degrees apart.
  constexpr int kScenes = 64;
  for (int second = 0; second < 3 * kScenes; ++second) {
    for (const MemoryOperation& one : memory.append(frame(second, 1, second / 3 * 90 + second % 3)))
      EXPECT_NE(one.kind, Kind::kDrop) << "something is forgotten at " << second;
  }
  const auto& spans = memory.spans();
  ASSERT_EQ(spans.size(), 8u);
  int64_t scenes = 0;
  int64_t frames = 0;
  for (const MemorySpan& span : spans) {
    if (span.scene) scenes += span.scenes;
    frames += span.frames;
    EXPECT_LE(span.scenes, 2 * (1 + kScenes - scenes)) << "more of a blur than its age excuses";
  }
  EXPECT_EQ(scenes, kScenes);
  EXPECT_EQ(frames, 3 * kScenes);
  EXPECT_EQ(spans.front().from_ns, 0);
  EXPECT_GT(spans[0].scenes, spans[3].scenes) << "the old ones are the coarser ones";
  EXPECT_EQ(spans[spans.size() - 2].scenes, 1);
}

// Whoever chooses frames shows a quiet scene now and then, and a change at once.
TEST(WindowMemoryScenes, AChangeBeginsASceneThoughHalfOfTheFramesAreChanges) {
  WindowMemory memory({.visual_tokens = 1000}, kLadder);
  memory.append(frame(0, 36, 0));
  memory.append(frame(5, 9, 0));
  std::vector<bool> begun;
  for (int scene = 1; scene <= 20; ++scene) {
    for (const int second : {10 * scene, 10 * scene + 5}) {
      memory.append(frame(second, 9, scene * 60));
      begun.push_back(memory.spans().back().scene);
    }
  }
  for (size_t i = 0; i < begun.size(); ++i) EXPECT_EQ(begun[i], i % 2 == 0) << i;
}

TEST(WindowMemoryScenes, WhereAllMovesForGoodThatIsUsualAfterAWhile) {
  WindowMemory memory({.visual_tokens = 1000}, kLadder);
  double degrees = 0;
  int second = 0;
  while (second < 50) memory.append(frame(second++, 9, degrees));
  while (second < 250) memory.append(frame(second++, 9, degrees += 40));
  int begun = 0;
  for (; second < 300; ++second) {
    memory.append(frame(second, 9, degrees += 40));
    begun += memory.spans().back().scene ? 1 : 0;
  }
  EXPECT_EQ(begun, 0);
}

TEST(WindowMemoryScenes, AShortSceneCountsAsMuchAsALongOne) {
  WindowMemory memory({.visual_tokens = 5}, {1});
  for (int second = 0; second < 20; ++second) memory.append(frame(second, 1, 0));
  memory.append(frame(20, 1, 90));
  for (int second = 21; second < 60; ++second) memory.append(frame(second, 1, 180));
  memory.append(frame(60, 1, 0));
  memory.append(frame(61, 1, 90));
  memory.append(frame(62, 1, 180));
  const MemorySpan& oldest = memory.spans().front();
  ASSERT_EQ(oldest.scenes, 2);
  EXPECT_EQ(oldest.frames, 21);
  EXPECT_NEAR(oldest.mean[0], 0.5, 1e-5);
  EXPECT_NEAR(oldest.mean[1], 0.5, 1e-5);
}

TEST(WindowMemoryScenes, AScenePastIsKeptWhileTheNextOneLasts) {
  WindowMemory memory({.visual_tokens = 150, .frames = 8}, kLadder);
  int second = 0;
  for (const int degrees : {0, 90, 180, 270}) {
    for (int i = 0; i < 10; ++i) memory.append(frame(second++, 36, degrees));
  }
  for (int i = 0; i < 1000; ++i) memory.append(frame(second++, 36, 0));
  const auto& spans = memory.spans();
  ASSERT_EQ(spans.size(), 8u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(spans[i].from_ns, static_cast<int64_t>(i) * 10 * kSecond);
    EXPECT_EQ(spans[i].scenes, 1);
  }
  for (size_t i = 5; i < 8; ++i) EXPECT_EQ(spans[i].frames, 1) << "the newest are as they came";
}

}  // namespace
}  // namespace m3
