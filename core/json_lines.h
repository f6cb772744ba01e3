// JSON lines: the one place that writes the contract's "frame", "answer" and "end" objects, each on
// one line without its newline. Used by m3llm (application/json) and by the tools, so that both
// print the same. Threads: free functions over values; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/engine.h"
#include "core/export.h"
#include "core/scale_policy.h"

namespace m3 {

// Nanoseconds of stream time as the lines' seconds. Not for kNoTime, which the lines show as null.
M3_API double to_seconds(int64_t time_ns) noexcept;

// "2026-01-31T23:59:59.123Z", the time now.
M3_API std::string utc_now();

struct FrameLine {
  std::string stream = "0";  // name of the stream
  std::string video;         // the clip's name when several are asked about; empty: left out
  int64_t pts_ns = kNoTime;  // stream time
  double motion = 0;         // 0..1, as Activity has them
  double complexity = 0;     // 0..1
  int scale = 0;             // tokens shown, 0: none
  int crop_scale = 0;        // and of a closer look at a part of it; 0: left out
  Reason reason = Reason::kSampled;
};

struct AnswerLine {
  std::string id;            // the question's, "q1"
  std::string uid;           // this answer's, see uuid7()
  std::string stream = "0";  // name of the stream
  std::string utc;           // when it was ready, see utc_now()
  std::string question;      // as it was asked
  std::string video;         // the clip's name when several are asked about; empty: left out
  std::string file;          // a picture's name, in place of a clip's; empty: left out
  std::optional<int> index;  // the question's place in a file of questions, from 0; none: left out
  Answer answer;
};

struct EndLine {
  uint64_t frames = 0;  // = encoded + reused + sampled_out + dropped
  uint64_t frames_encoded = 0;
  uint64_t frames_reused = 0;
  uint64_t frames_sampled_out = 0;
  uint64_t frames_dropped = 0;
  uint64_t visual_tokens = 0;
  uint64_t text_tokens = 0;
  double seconds = 0;       // of the stream
  double wall_seconds = 0;  // that it took
  double peak_rss_mb = 0;   // of the process, 0: not known
  bool truncated = false;   // the file ended before the duration it declares
};

// Text that is not UTF-8 is mended with U+FFFD; numbers that are not finite become null.
M3_API std::string to_json_line(const FrameLine& line);
M3_API std::string to_json_line(const AnswerLine& line);
M3_API std::string to_json_line(const EndLine& line);

}  // namespace m3
