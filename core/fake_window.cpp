#include "core/fake_window.h"

#include <cmath>
#include <string>
#include <vector>

namespace m3 {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

}  // namespace

Seen look(const std::deque<MemorySpan>& spans) {
  Seen seen;
  for (const MemorySpan& span : spans) {
    seen.frames += static_cast<int>(span.frames);
    seen.visual_tokens += span.visual_tokens;
    seen.brightness = static_cast<int>(std::lround(span.mean[0]));
    if (span.from_ns == kNoTime) continue;
    if (seen.from_ns == kNoTime) seen.from_ns = span.from_ns;
    seen.to_ns = span.to_ns;
  }
  return seen;
}

MemorySpan span_of(const FrameTokens& frame) {
  const auto shown = frame.tokens.shown();
  const size_t dim = static_cast<size_t>(shown->dim());
  std::vector<float> values(static_cast<size_t>(frame.tokens.scale()) * dim);
  shown->read(values);
  std::vector<double> sum(dim);
  for (size_t i = 0; i < values.size(); ++i) sum[i % dim] += values[i];
  MemorySpan span;
  span.visual_tokens = frame.tokens.scale();
  // One token a character of "\n12s:", and one for a still picture.
  span.marker_tokens = frame.pts_ns == kNoTime
                           ? 1
                           : static_cast<int>(std::to_string(frame.pts_ns / kSecondNs).size()) + 3;
  span.from_ns = span.to_ns = frame.pts_ns;
  for (const double one : sum) span.mean.push_back(static_cast<float>(one / frame.tokens.scale()));
  return span;
}

}  // namespace m3
