#include "core/window_memory.h"

#include <string>

#include "core/error.h"

namespace m3 {

WindowMemory::WindowMemory(WindowLimits limits) : limits_(limits) {
  const auto refuse = [](const std::string& text) {
    throw Error(ErrorCode::kInvalidArgument, "Window: " + text);
  };
  if (limits.visual_tokens < 1) {
    refuse("a limit of " + std::to_string(limits.visual_tokens) +
           " visual tokens leaves no room for a frame");
  }
  if (limits.frames < 0 || limits.positions < 0) {
    refuse("limits of " + std::to_string(limits.frames) + " frames and " +
           std::to_string(limits.positions) + " positions must not be negative (0: no limit)");
  }
}

bool WindowMemory::fits(SpanSize sum, size_t frames) const {
  if (sum.visual_tokens > limits_.visual_tokens) return false;
  if (limits_.frames > 0 && frames > static_cast<size_t>(limits_.frames)) return false;
  return limits_.positions == 0 || sum.visual_tokens + sum.marker_tokens <= limits_.positions;
}

}  // namespace m3
