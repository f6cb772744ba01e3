// How long a unit of work may take. Threads: a constant.
#pragma once

#include <chrono>

namespace m3 {

// A unit of work of the engine's thread.
inline constexpr std::chrono::milliseconds kUnit{40};

}  // namespace m3
