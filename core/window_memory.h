// WindowMemory: which spans stay in a bounded window. This first rule drops the oldest.
//
// Threads: one session's memory is used from one thread at a time.
#pragma once

#include <cstddef>

#include "core/export.h"

namespace m3 {

struct WindowLimits {
  int visual_tokens = 1024;  // in all spans together, >= 1
  int frames = 0;            // spans at most, 0: no limit of its own
  int positions = 0;         // visual tokens and markers of all spans, 0: no limit of its own
};

struct SpanSize {
  int visual_tokens = 0;
  int marker_tokens = 0;
};

class M3_API WindowMemory {
 public:
  explicit WindowMemory(WindowLimits limits);  // throws kInvalidArgument

  const WindowLimits& limits() const noexcept { return limits_; }

  // How many of the oldest spans must leave so that `incoming` fits behind the others. spans:
  // oldest first. The incoming span always stays, even when it alone is over the limit.
  template <typename Spans>
  size_t spans_to_drop(const Spans& spans, SpanSize incoming) const {
    SpanSize sum = incoming;
    size_t kept = 1;
    size_t index = spans.size();
    while (index > 0) {
      const SpanSize& size = spans[index - 1];
      if (!fits({sum.visual_tokens + size.visual_tokens, sum.marker_tokens + size.marker_tokens},
                kept + 1))
        break;
      sum.visual_tokens += size.visual_tokens;
      sum.marker_tokens += size.marker_tokens;
      ++kept;
      --index;
    }
    return index;
  }

 private:
  bool fits(SpanSize sum, size_t frames) const;

  WindowLimits limits_;
};

}  // namespace m3
