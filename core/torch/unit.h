// How long a unit of work may take. Threads: a free function, safe from any thread.
#pragma once

#include <chrono>

namespace m3 {

// When a unit of work that begins now should end.
inline std::chrono::steady_clock::time_point unit_deadline() {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(40);
}

}  // namespace m3
