// A full window keeps its books without memory of its own for each frame.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "core/window_memory.h"
#include "tests/support/allocation_counter.h"

namespace m3 {
namespace {

TEST(WindowMemoryAllocation, AFrameOfAFullWindowCostsHardlyAny) {
  if (!M3_COUNTS_ALLOCATIONS) GTEST_SKIP() << "a sanitizer's allocator is in use";
  constexpr int kFrames = 1000;
  constexpr size_t kWidth = 576;
  WindowMemory memory({.visual_tokens = 400}, {1, 9, 36});
  int operations = 0;
  uint64_t before = 0;
  for (int number = 0; number < 2 * kFrames; ++number) {
    if (number == kFrames) before = test::allocations;
    MemorySpan frame;
    frame.visual_tokens = number % 3 == 0 ? 36 : 9;
    frame.marker_tokens = 4;
    frame.from_ns = frame.to_ns = int64_t{number} * 500'000'000;
    frame.mean.assign(kWidth, static_cast<float>(number / 50 % 7));
    frame.mean.front() = 1;
    const auto& done = memory.append(std::move(frame));
    if (number >= kFrames) operations += static_cast<int>(done.size());
  }
  const double each = static_cast<double>(test::allocations - before) / kFrames;
  EXPECT_GT(operations, kFrames) << "the window was not full";
  // One is the test's own mean; the rest are pieces of the queue of spans.
  EXPECT_LE(each, 2);
}

}  // namespace
}  // namespace m3
