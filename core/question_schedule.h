// QuestionSchedule: which questions are due at which moment of a stream. Knows times, not frames or
// answers; times are stream time in nanoseconds. Threads: used from one thread at a time; the owner
// locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/export.h"
#include "core/frame.h"

namespace m3 {

struct ScheduledQuestion {
  // Once the stream has been seen to its end.
  static constexpr int64_t kAtEnd = std::numeric_limits<int64_t>::max();
  // As soon as there is a frame to ask about.
  static constexpr int64_t kNow = std::numeric_limits<int64_t>::min();

  std::string id;
  std::string text;
  int64_t at_ns = kAtEnd;  // 0.., kAtEnd or kNow
  int64_t every_ns = 0;    // asked again after this long, 0: once
  bool stays = false;      // also asked of the streams that come after this one
};

struct DueQuestion {
  std::string id;
  std::string text;
  int64_t asked_at_ns = kNoTime;  // never before the newest frame; kNoTime: the stream had none
  int64_t every_ns = 0;
};

class M3_API QuestionSchedule {
 public:
  void add(ScheduledQuestion question);
  bool remove(const std::string& id);  // false: not there (any more)
  bool empty() const noexcept { return entries_.empty(); }
  size_t size() const noexcept { return entries_.size(); }

  // What is due before a frame at `frame_ns` enters the window: every question whose time lies
  // before the frame, in order of their times. newest_ns: the frame before it, kNoTime while the
  // window is empty: then nothing is due, because there is nothing to ask about. Several rounds of
  // one question between two frames would see the same: it is asked once.
  std::vector<DueQuestion> before(int64_t frame_ns, int64_t newest_ns);

  // What is due when the stream has ended: questions for the end, those whose time was not reached,
  // and of the recurring ones the round that falls on the end or, when none was asked, one. end_ns:
  // the end of the newest frame.
  std::vector<DueQuestion> at_end(int64_t newest_ns, int64_t end_ns);

  // Another stream begins, or this one is somewhere else after a seek: recurring questions start
  // over.
  void restart();

 private:
  struct Entry {
    ScheduledQuestion question;
    int64_t next_ns = 0;  // the next round of a recurring question
    bool placed = false;  // next_ns is known
    bool asked = false;   // since restart()
  };

  std::vector<Entry> entries_;  // in the order they came
};

}  // namespace m3
