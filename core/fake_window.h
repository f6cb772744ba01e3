// What the fake engine keeps of a stream: the window's books, and what a question sees in them.
//
// Threads: free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <deque>

#include "core/engine.h"
#include "core/window_memory.h"

namespace m3 {

// What is in a window when a question is asked.
struct Seen {
  int64_t from_ns = kNoTime;
  int64_t to_ns = kNoTime;
  int frames = 0;
  int visual_tokens = 0;
  int brightness = 0;  // of the newest frame
};

Seen look(const std::deque<MemorySpan>& spans);

// A frame for the books; its brightness is the mean of dimension 0.
MemorySpan span_of(const FrameTokens& frame);

}  // namespace m3
