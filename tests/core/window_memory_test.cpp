#include "core/window_memory.h"

#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;

TEST(WindowMemory, DropsNothingWhileAllFits) {
  const WindowMemory memory({.visual_tokens = 100});
  const std::vector<SpanSize> spans = {{36, 4}, {36, 4}};
  EXPECT_EQ(memory.spans_to_drop(spans, {28, 4}), 0u) << "72 + 28 is exactly the limit";
  EXPECT_EQ(memory.spans_to_drop(spans, {29, 4}), 1u);
  EXPECT_EQ(memory.spans_to_drop(std::vector<SpanSize>{}, {100, 4}), 0u);
}

TEST(WindowMemory, DropsTheOldestFirstAndNoMoreThanNeeded) {
  const WindowMemory memory({.visual_tokens = 50});
  const std::deque<SpanSize> spans = {{1, 4}, {36, 4}, {9, 4}, {1, 4}};
  EXPECT_EQ(memory.spans_to_drop(spans, {3, 4}), 0u);
  EXPECT_EQ(memory.spans_to_drop(spans, {4, 4}), 1u);
  EXPECT_EQ(memory.spans_to_drop(spans, {5, 4}), 2u) << "the 36 go, what is behind them stays";
  EXPECT_EQ(memory.spans_to_drop(spans, {50, 4}), 4u);
}

TEST(WindowMemory, KeepsTheIncomingSpanEvenAlone) {
  const WindowMemory memory({.visual_tokens = 50, .frames = 1, .positions = 60});
  EXPECT_EQ(memory.spans_to_drop(std::vector<SpanSize>{{1, 4}, {1, 4}}, {144, 4}), 2u);
}

TEST(WindowMemory, CountsFramesWithTheIncomingOne) {
  const WindowMemory memory({.visual_tokens = 1000, .frames = 3});
  const std::vector<SpanSize> spans(5, SpanSize{1, 4});
  EXPECT_EQ(memory.spans_to_drop(spans, {1, 4}), 3u);
}

TEST(WindowMemory, CountsMarkersAgainstPositionsOnly) {
  const std::vector<SpanSize> spans(3, SpanSize{9, 4});
  EXPECT_EQ(WindowMemory({.visual_tokens = 36}).spans_to_drop(spans, {9, 4}), 0u);
  EXPECT_EQ(WindowMemory({.visual_tokens = 36, .positions = 52}).spans_to_drop(spans, {9, 4}), 0u);
  EXPECT_EQ(WindowMemory({.visual_tokens = 36, .positions = 51}).spans_to_drop(spans, {9, 4}), 1u);
}

TEST(WindowMemory, RefusesLimitsThatLeaveNoRoom) {
  for (const WindowLimits& limits :
       {WindowLimits{.visual_tokens = 0}, WindowLimits{.visual_tokens = -5},
        WindowLimits{.frames = -1}, WindowLimits{.positions = -1}}) {
    EXPECT_EQ(error_of([&] { WindowMemory memory(limits); }).code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace m3
