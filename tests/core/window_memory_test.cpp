#include "core/window_memory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/core/memory_frames.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using Kind = MemoryOperation::Kind;
using test::error_of;
using test::frame;
using test::kLadder;
using test::kSecond;

std::vector<int> scales(const WindowMemory& memory) {
  std::vector<int> all;
  for (const MemorySpan& span : memory.spans()) all.push_back(span.visual_tokens);
  return all;
}

int sum(const WindowMemory& memory) {
  int all = 0;
  for (const MemorySpan& span : memory.spans()) all += span.visual_tokens;
  return all;
}

std::string text_of(const std::vector<MemoryOperation>& operations) {
  std::string text;
  for (const MemoryOperation& one : operations) {
    text += one.kind == Kind::kCoarsen ? "coarsen " : one.kind == Kind::kMerge ? "merge " : "drop ";
    text += std::to_string(one.span);
    if (one.kind == Kind::kCoarsen) text += " to " + std::to_string(one.visual_tokens);
    text += "; ";
  }
  return text;
}

TEST(WindowMemory, TouchesNothingWhileAllFits) {
  WindowMemory memory({.visual_tokens = 100}, kLadder);
  EXPECT_EQ(text_of(memory.append(frame(0, 36))), "");
  EXPECT_EQ(text_of(memory.append(frame(1, 36))), "");
  EXPECT_EQ(text_of(memory.append(frame(2, 9))), "");
  EXPECT_EQ(text_of(memory.append(frame(3, 9))), "");
  EXPECT_EQ(text_of(memory.append(frame(4, 9))), "") << "99 of 100";
  EXPECT_EQ(text_of(memory.append(frame(5, 1))), "") << "100 of 100";
  EXPECT_EQ(text_of(memory.append(frame(6, 1))), "coarsen 1 to 9; ")
      << "the first frame begins a scene";
}

TEST(WindowMemory, WhatIsOldBecomesCoarserStepByStep) {
  WindowMemory memory({.visual_tokens = 288}, kLadder);
  std::vector<int> seen;  // scales of the frame of second 1
  for (int second = 0; second < 60; ++second) {
    memory.append(frame(second, 36));
    for (const MemorySpan& span : memory.spans()) {
      if (span.from_ns == kSecond && (seen.empty() || seen.back() != span.visual_tokens)) {
        seen.push_back(span.visual_tokens);
      }
    }
  }
  EXPECT_EQ(seen, (std::vector<int>{36, 9, 1}));
  // Newest fine, oldest coarse, but for the beginning of the scene.
  const std::vector<int> all = scales(memory);
  EXPECT_TRUE(std::is_sorted(all.begin() + 1, all.end()));
  EXPECT_EQ(all[1], 1);
  EXPECT_EQ(all.back(), 36);
  EXPECT_EQ(memory.spans().front().from_ns, 0) << "the beginning is still there";
}

TEST(WindowMemory, OneMarkerInFiveSecondsAtTheCoarsestScale) {
  WindowMemory memory({.visual_tokens = 60}, kLadder);
  int64_t frames = 0;
  for (int i = 0; i < 200; ++i) {
    memory.append(frame(i * 0.5, 9));
    ++frames;
  }
  int64_t remembered = 0;
  const auto& spans = memory.spans();
  for (size_t i = 0; i < spans.size(); ++i) {
    remembered += spans[i].frames;
    if (i + 1 == spans.size() || spans[i].visual_tokens > 1 || spans[i + 1].visual_tokens > 1)
      continue;
    EXPECT_GE(spans[i + 1].from_ns - spans[i].from_ns, 5 * kSecond);
  }
  EXPECT_EQ(remembered, frames) << "one quiet scene: nothing was dropped";
  EXPECT_EQ(spans.front().from_ns, 0);
  EXPECT_EQ(spans.back().to_ns, 99.5 * kSecond);
}

TEST(WindowMemory, AnAverageKeepsTheWeightsOfItsFrames) {
  WindowMemory memory({.visual_tokens = 3}, {1});
  memory.append(frame(0, 1, 0));
  memory.append(frame(1, 1, 30));
  memory.append(frame(2, 1, 60));
  EXPECT_EQ(text_of(memory.append(frame(3, 1, 60))), "merge 0; ");
  EXPECT_EQ(text_of(memory.append(frame(4, 1, 60))), "merge 0; ");
  const MemorySpan& first = memory.spans().front();
  EXPECT_EQ(first.frames, 3);
  EXPECT_EQ(first.from_ns, 0);
  EXPECT_EQ(first.to_ns, 2 * kSecond);
  EXPECT_NEAR(first.mean[0], (1 + std::sqrt(0.75) + 0.5) / 3, 1e-6);
  EXPECT_NEAR(first.mean[1], (0 + 0.5 + std::sqrt(0.75)) / 3, 1e-6);
}

TEST(WindowMemory, OfNeighboursFarApartInTimeTheMostAlikeAreAveraged) {
  WindowMemory memory({.visual_tokens = 5}, {1});
  for (const double degrees : {0, 20, 40, 41, 61}) memory.append(frame(degrees, 1, degrees));
  EXPECT_EQ(text_of(memory.append(frame(81, 1, 81))), "merge 2; ") << "40 and 41 degrees";
  // The times are seconds too: 40 and 41 were also less than five seconds apart.
  WindowMemory slow({.visual_tokens = 5}, {1});
  int second = 0;
  for (const double degrees : {0, 20, 40, 41, 61}) slow.append(frame(second += 10, 1, degrees));
  EXPECT_EQ(text_of(slow.append(frame(second += 10, 1, 81))), "merge 2; ");
}

TEST(WindowMemory, KeepsTheNewestFrameEvenAlone) {
  WindowMemory memory({.visual_tokens = 50, .frames = 1, .positions = 60}, kLadder);
  memory.append(frame(0, 1));
  EXPECT_EQ(text_of(memory.append(frame(1, 144))), "drop 0; ");
  EXPECT_EQ(scales(memory), std::vector<int>{144});
}

TEST(WindowMemory, AmongTooManyFramesOldOnesOfOneSceneAreAveraged) {
  WindowMemory memory({.visual_tokens = 1000, .frames = 8}, kLadder);
  for (int second = 0; second < 8; ++second) memory.append(frame(second, 9));
  EXPECT_EQ(text_of(memory.append(frame(8, 9))), "coarsen 0 to 1; coarsen 1 to 1; merge 0; ");
  EXPECT_EQ(scales(memory), (std::vector<int>{1, 9, 9, 9, 9, 9, 9, 9}));
  for (int second = 9; second < 100; ++second) memory.append(frame(second, 9));
  EXPECT_EQ(memory.spans().size(), 8u);
  EXPECT_EQ(memory.spans().front().from_ns, 0);
}

TEST(WindowMemory, MarkersCountAgainstPositionsOnly) {
  const auto after_four = [](const WindowLimits& limits) {
    WindowMemory memory(limits, kLadder);
    for (int second = 0; second < 4; ++second) memory.append(frame(second, 9));
    return scales(memory);
  };
  const std::vector<int> untouched = {9, 9, 9, 9};
  EXPECT_EQ(after_four({.visual_tokens = 36}), untouched);
  EXPECT_EQ(after_four({.visual_tokens = 36, .positions = 52}), untouched);
  EXPECT_NE(after_four({.visual_tokens = 36, .positions = 51}), untouched);
}

TEST(WindowMemory, StillPicturesAreNeverAveraged) {
  WindowMemory memory({.visual_tokens = 3}, {1});
  for (int i = 0; i < 10; ++i) {
    MemorySpan picture = frame(0, 1);
    picture.from_ns = picture.to_ns = kNoTime;
    memory.append(picture);
  }
  for (const MemorySpan& span : memory.spans()) EXPECT_EQ(span.frames, 1);
  EXPECT_EQ(memory.spans().size(), 3u);
}

TEST(WindowMemory, SlackMakesRoomInOneGoAndThenThereIsNothingToDo) {
  WindowMemory memory({.visual_tokens = 1000, .slack = 0.5}, kLadder);
  int changes = 0;
  for (int second = 0; second < 400; ++second) {
    const bool changed = !memory.append(frame(second, 9)).empty();
    changes += changed;
    if (changed) {
      EXPECT_LE(sum(memory), 500);
    }
  }
  EXPECT_GT(changes, 3);
  EXPECT_LT(changes, 12) << "about once in 55 frames";
}

// What a change costs when everything behind it has to be computed again (causal attention) and
// when it costs the changed span alone (attention=spans), in rows a frame of a full window.
TEST(WindowMemory, SlackBoundsWhatCausalAttentionPays) {
  std::printf("slack  changes  causal rows/frame  span rows/frame  tokens held on average\n");
  double dearest = 0;
  for (const double slack : {0.0, 0.125, 0.25, 0.5}) {
    WindowMemory memory({.visual_tokens = 1024, .positions = 1024 + 640, .slack = slack}, kLadder);
    std::mt19937 random(1);
    double causal = 0;
    double alone = 0;
    double held = 0;
    int changes = 0;
    constexpr int kFrames = 1000;
    for (int i = -500; i < kFrames; ++i) {
      const size_t before = memory.spans().size();
      const std::vector<MemoryOperation> operations =
          memory.append(frame(i + 500, kLadder[random() % 4], (i / 40) * 90));
      if (i < 0) continue;  // it fills
      const auto rows = [](const MemorySpan& span) {
        return span.visual_tokens + span.marker_tokens;
      };
      size_t first = before;
      for (const MemoryOperation& one : operations) {
        first = std::min(first, one.span);
        if (one.kind == Kind::kCoarsen) alone += one.visual_tokens + 4;
        if (one.kind == Kind::kMerge) alone += 1 + 4;
      }
      changes += !operations.empty();
      for (size_t span = std::min(first, memory.spans().size() - 1); span < memory.spans().size();
           ++span) {
        causal += rows(memory.spans()[span]);
      }
      alone += rows(memory.spans().back());
      held += sum(memory);
    }
    std::printf("%.3f  %7d  %17.0f  %15.0f  %22.0f\n", slack, changes, causal / kFrames,
                alone / kFrames, held / kFrames);
    if (slack == 0) dearest = causal;
    if (slack >= 0.25) {
      EXPECT_LT(causal, dearest / 4);
    }
    EXPECT_LE(alone, 150.0 * kFrames);
  }
}

TEST(WindowMemory, ClearForgetsAll) {
  WindowMemory memory({.visual_tokens = 100}, kLadder);
  WindowMemory fresh({.visual_tokens = 100}, kLadder);
  for (int second = 0; second < 30; ++second) memory.append(frame(second, 36, second * 7));
  memory.clear();
  EXPECT_TRUE(memory.spans().empty());
  for (int second = 0; second < 30; ++second) {
    EXPECT_EQ(memory.append(frame(second, 36, second)), fresh.append(frame(second, 36, second)));
  }
}

TEST(WindowMemory, RefusesWhatLeavesNoRoom) {
  for (const WindowLimits& limits :
       {WindowLimits{.visual_tokens = 0}, WindowLimits{.visual_tokens = -5},
        WindowLimits{.frames = -1}, WindowLimits{.positions = -1}, WindowLimits{.slack = -0.1},
        WindowLimits{.slack = 1}}) {
    EXPECT_EQ(error_of([&] { WindowMemory memory(limits, kLadder); }).code(),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(error_of([] { WindowMemory memory({}, {}); }).code(), ErrorCode::kInvalidArgument);
}

// Random streams under random limits: what holds for every one of them.
class WindowMemoryOfRandomStreams : public testing::TestWithParam<int> {
 protected:
  struct Place {  // as somebody who carries the operations out keeps it
    int visual_tokens;
    int64_t frames;
    std::vector<double> mean;  // of its tokens
    int64_t from_ns;
  };

  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
  int draw(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
};

TEST_P(WindowMemoryOfRandomStreams, ItsPlanCanBeReplayedAndKeepsTheLimits) {
  WindowLimits limits;
  limits.visual_tokens = draw(1, 1200);
  if (draw(0, 1)) limits.frames = draw(1, 40);
  if (draw(0, 1)) limits.positions = draw(1, 1500);
  limits.slack = draw(0, 2) == 0 ? draw(0, 8) / 10.0 : 0;
  WindowMemory memory(limits, kLadder);
  WindowMemory twin(limits, kLadder);
  std::vector<Place> places;
  std::vector<float> last_mean;
  double second = 0;
  double degrees = 0;
  for (int number = 0; number < 300; ++number) {
    second += draw(1, 40) / 4.0;
    degrees += draw(0, 20) == 0 ? draw(0, 180) : draw(0, 3);
    const MemorySpan next =
        frame(second, kLadder[static_cast<size_t>(draw(0, 3))], degrees, draw(1, 6));
    const std::vector<MemoryOperation> operations = memory.append(next);
    // The other one changes its mind, and hears late how the frame looks.
    if (!twin.spans().empty()) twin.describe_newest(last_mean);
    ASSERT_EQ(twin.append(next), operations) << "not the same plan twice";
    twin.take_back();
    MemorySpan bare = next;
    last_mean = std::exchange(bare.mean, {});
    ASSERT_EQ(twin.append(bare), operations) << "it was not taken back";

    for (const MemoryOperation& one : operations) {
      ASSERT_LT(one.span, places.size());
      Place& place = places[one.span];
      switch (one.kind) {
        case Kind::kCoarsen: {
          ASSERT_LT(one.visual_tokens, place.visual_tokens);
          const auto step = std::find(kLadder.begin(), kLadder.end(), one.visual_tokens);
          ASSERT_NE(step, kLadder.end());
          ASSERT_EQ(*(step + 1), place.visual_tokens) << "one step of the ladder";
          place.visual_tokens = one.visual_tokens;
          break;
        }
        case Kind::kMerge: {
          ASSERT_LT(one.span + 1, places.size());
          const Place& behind = places[one.span + 1];
          ASSERT_EQ(place.visual_tokens, 1);
          ASSERT_EQ(behind.visual_tokens, 1);
          place.frames += behind.frames;
          ASSERT_GT(one.part, 0);
          ASSERT_LT(one.part, 1);
          for (size_t i = 0; i < 2; ++i)
            place.mean[i] += (behind.mean[i] - place.mean[i]) * one.part;
          places.erase(places.begin() + static_cast<std::ptrdiff_t>(one.span) + 1);
          break;
        }
        case Kind::kDrop:
          ASSERT_EQ(one.span, 0u) << "only the oldest leaves";
          ASSERT_EQ(places.size(), 1U) << "and only for a frame that is too much beside any other";
          places.erase(places.begin());
          break;
      }
    }
    places.push_back({next.visual_tokens, 1, {next.mean[0], next.mean[1]}, next.from_ns});

    ASSERT_EQ(places.size(), memory.spans().size());
    if (number % 10 != 0 && number != 299) continue;  // looking at all of it takes its time
    int visual_tokens = 0;
    int positions = 0;
    for (size_t i = 0; i < places.size(); ++i) {
      const MemorySpan& span = memory.spans()[i];
      ASSERT_EQ(span.visual_tokens, places[i].visual_tokens);
      ASSERT_EQ(span.frames, places[i].frames);
      ASSERT_EQ(span.from_ns, places[i].from_ns);
      ASSERT_NEAR(span.mean[0], places[i].mean[0], 1e-4);
      ASSERT_NEAR(span.mean[1], places[i].mean[1], 1e-4);
      visual_tokens += span.visual_tokens;
      positions += span.visual_tokens + span.marker_tokens;
    }
    ASSERT_EQ(places.back().visual_tokens, next.visual_tokens) << "the newest stays as it is";
    if (places.size() > 1) {
      ASSERT_LE(visual_tokens, limits.visual_tokens);
      if (limits.frames > 0) {
        ASSERT_LE(places.size(), static_cast<size_t>(limits.frames));
      }
      if (limits.positions > 0) {
        ASSERT_LE(positions, limits.positions);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WindowMemoryOfRandomStreams, testing::Range(0, 30));

}  // namespace
}  // namespace m3
