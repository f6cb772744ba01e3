#include "plugins/stream_counts.h"

#include <algorithm>

namespace m3 {

void StreamCounts::reset() {
  const std::lock_guard lock(mutex_);
  line_ = {};
  first_ns_ = last_ns_ = kNoTime;
  began_ = Clock::now();
  ended_.reset();
}

void StreamCounts::add(Outcome outcome, int tokens, int64_t pts_ns, int64_t end_ns) {
  const std::lock_guard lock(mutex_);
  ++line_.frames;
  switch (outcome) {
    case Outcome::kEncoded:
      ++line_.frames_encoded;
      break;
    case Outcome::kReused:
      ++line_.frames_reused;
      break;
    case Outcome::kSampledOut:
      ++line_.frames_sampled_out;
      break;
    case Outcome::kDropped:
      ++line_.frames_dropped;
      break;
  }
  line_.visual_tokens += static_cast<uint64_t>(tokens);
  extend(pts_ns, end_ns);
}

void StreamCounts::add(const LostFrames& lost) {
  const std::lock_guard lock(mutex_);
  line_.frames += lost.sampled_out + lost.reused + lost.dropped;
  line_.frames_sampled_out += lost.sampled_out;
  line_.frames_reused += lost.reused;
  line_.frames_dropped += lost.dropped;
  extend(lost.from_ns, lost.to_ns);
}

void StreamCounts::extend(int64_t from_ns, int64_t to_ns) {
  if (from_ns == kNoTime) return;
  first_ns_ = first_ns_ == kNoTime ? from_ns : std::min(first_ns_, from_ns);
  last_ns_ = last_ns_ == kNoTime ? to_ns : std::max(last_ns_, to_ns);
}

void StreamCounts::keep_text_tokens(uint64_t tokens) {
  const std::lock_guard lock(mutex_);
  line_.text_tokens += tokens;
}

void StreamCounts::end() {
  const std::lock_guard lock(mutex_);
  ended_ = Clock::now();
}

EndLine StreamCounts::line(uint64_t text_tokens) const {
  const std::lock_guard lock(mutex_);
  EndLine line = line_;
  line.text_tokens += text_tokens;
  if (first_ns_ != kNoTime) line.seconds = to_seconds(last_ns_ - first_ns_);
  if (began_) {
    const Clock::time_point until = ended_.value_or(Clock::now());
    line.wall_seconds = std::chrono::duration<double>(until - *began_).count();
  }
  return line;
}

}  // namespace m3
