// Frames for tests of core/window_memory.h.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/window_memory.h"

namespace m3::test {

inline constexpr int64_t kSecond = 1'000'000'000;
inline const std::vector<int> kLadder = {1, 9, 36, 144};

// A frame whose tokens point to `degrees`: frames alike have angles alike.
inline MemorySpan frame(double second, int scale, double degrees = 0, int marker = 4) {
  MemorySpan span;
  span.visual_tokens = scale;
  span.marker_tokens = marker;
  span.from_ns = span.to_ns = static_cast<int64_t>(second * kSecond);
  const double angle = degrees * std::acos(-1.0) / 180;
  span.mean = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  return span;
}

}  // namespace m3::test
