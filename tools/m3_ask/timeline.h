// Timeline: what happened along a video, as a picture: activity, scales and why, tokens spent, what
// the budget held, and answers. Threads: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json_lines.h"

namespace m3::ask {

class Timeline {
 public:
  void add(const FrameLine& line);
  void add(const AnswerLine& line);

  // rate, burst: of the budget, tokens (a second); rate 0: no limit. Throws kNotFound when the file
  // cannot be written, kUnsupported where this build cannot draw.
  void write_png(const std::string& path, double rate, double burst) const;

 private:
  struct Moment {  // one frame, or the most of several in a row
    double second = 0;
    double motion = 0;
    double complexity = 0;
  };
  struct Encoded {
    double second = 0;
    int scale = 0;
    int tokens = 0;  // with those of a crop
    Reason reason = Reason::kFirst;
  };
  struct Said {
    double second = 0;
    std::string question;
    std::string text;
  };

  void thin_out();

  // A stream that does not end keeps only so much: then neighbours are joined.
  std::vector<Moment> moments_;
  int frames_in_moment_ = 1;
  int frames_in_last_ = 0;
  std::vector<Encoded> encoded_;
  std::vector<Said> said_;  // the first ones; those that have no place any more are counted
  size_t more_said_ = 0;
  double end_second_ = 0;

  friend class TimelineDrawer;
};

}  // namespace m3::ask
