// How long tests wait. Threads: free functions, safe from any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace m3::test {

// How much slower than usual things may be: M3_TEST_PATIENCE of the environment (sanitizers, busy
// machines), else 1.
inline int patience() {
  const char* text = std::getenv("M3_TEST_PATIENCE");
  return text ? std::max(1, std::atoi(text)) : 1;
}

// A limit that a rule sets, with that patience.
inline std::chrono::milliseconds within(int limit_ms) {
  return std::chrono::milliseconds(limit_ms) * patience();
}

}  // namespace m3::test
