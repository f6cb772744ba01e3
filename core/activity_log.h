// What the scale policy was shown, frame by frame, as lines of JSON: a run can be decided again
// from them with other settings, without the video. Threads: free functions over values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/activity.h"
#include "core/export.h"

namespace m3 {

struct LoggedActivity {
  int64_t pts_ns = 0;  // stream time, kNoTime: it has none
  Activity activity;
};

// One line without its newline. Numbers are written so that they are read back exactly.
M3_API std::string to_log_line(const LoggedActivity& logged);
// Throws kCorrupt for anything that to_log_line() does not write.
M3_API LoggedActivity read_log_line(std::string_view line);

}  // namespace m3
