// VideoPlayer: plays one video through the element m3qa, as any other program would: it sets
// properties, schedules questions with the signal `ask-at`, and reads answers from the bus.
// Threads: one thread, in which the listener is called too.
#pragma once

#include <gst/gst.h>

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "tools/m3_ask/gst_ptr.h"

namespace m3::ask {

struct TimedQuestion {
  std::string text;
  std::optional<double> at_seconds;     // stream time; none: at the end of the stream
  std::optional<double> every_seconds;  // asked again after each so many seconds; none: once
  size_t index = 0;                     // handed back with the answers
};

struct VideoRequest {
  std::string video;                                            // a file or a URI
  std::vector<std::pair<std::string, std::string>> properties;  // of m3qa, as text
  std::vector<TimedQuestion> questions;
  bool frames = false;  // report every frame
  // Plays at the video's own speed; lines of stdin are questions, asked when they come.
  bool interactive = false;
};

class VideoListener {
 public:
  virtual ~VideoListener();
  virtual void on_frame(const GstStructure& frame) = 0;  // element message m3-frame
  virtual void on_answer(size_t question_index,
                         const GstStructure& answer) = 0;  // element message m3-answer
  virtual void on_progress(double fraction,
                           const std::string& what) = 0;  // ten times a second at most
  virtual void on_warning(const std::string& text) = 0;
};

struct VideoResult {
  bool started = false;        // frames came through
  bool interrupted = false;    // the stop token ended it
  bool truncated = false;      // the stream ended before its declared duration
  std::string error;           // one line; empty: all went well
  GstPtr<GstStructure> stats;  // m3qa's property `stats` at the end; null: none
  double budget = 0;           // as m3qa had it, visual tokens a second; 0: no limit
  double burst = 0;            // likewise, visual tokens; 0: its default
};

// Plays to the end of the stream. Failures of the stream are told in the result; throws Error when
// the pipeline cannot be made.
VideoResult play_video(const VideoRequest& request, VideoListener& listener, std::stop_token stop);

}  // namespace m3::ask
