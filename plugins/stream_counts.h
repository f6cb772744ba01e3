// StreamCounts: what came of a stream's frames, as the contract's line "end" tells it.
// Threads: safe from any thread.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "core/json_lines.h"
#include "plugins/lost_event.h"

namespace m3 {

enum class Outcome { kEncoded, kReused, kSampledOut, kDropped };

class StreamCounts {
 public:
  void reset();  // another stream begins

  // pts_ns, end_ns: where the frame begins and ends, stream time; kNoTime: not known. tokens:
  // shown, 0: none.
  void add(Outcome outcome, int tokens, int64_t pts_ns, int64_t end_ns);
  // Frames of which nothing else is known, see plugins/lost_event.h.
  void add(const LostFrames& lost);
  // The window and its time markers were forgotten: their tokens still count.
  void keep_text_tokens(uint64_t tokens);
  void end();  // the wall clock stops

  // text_tokens: those of the window as it is now. peak_rss_mb and truncated are left to who knows
  // them.
  EndLine line(uint64_t text_tokens) const;

 private:
  using Clock = std::chrono::steady_clock;

  void extend(int64_t from_ns, int64_t to_ns);  // with mutex_ held

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  EndLine line_;
  int64_t first_ns_ = kNoTime;
  int64_t last_ns_ = kNoTime;
  std::optional<Clock::time_point> began_;
  std::optional<Clock::time_point> ended_;
};

}  // namespace m3
