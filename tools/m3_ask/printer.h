// Printer: writes results to stdout, for people or as JSON Lines, each line as soon as it is known,
// and keeps the progress bar and other words on stderr out of their way. Threads: one thread, but
// for progress().
#pragma once

#include <string>
#include <string_view>

#include "core/json_lines.h"
#include "tools/common/progress.h"

namespace m3::ask {

class Printer {
 public:
  // show_questions: people see which question an answer belongs to.
  Printer(bool json, bool show_questions) : json_(json), show_questions_(show_questions) {}

  void frame(const FrameLine& line);
  void answer(const AnswerLine& line);
  void end(const EndLine& line);  // JSON only
  void error(std::string_view text);
  void progress(double fraction, std::string_view what) { progress_.update(fraction, what); }

 private:
  void print(std::string line);

  const bool json_;
  const bool show_questions_;
  tools::Progress progress_;
};

// "00:12.5", "1:02:03.0" from an hour on.
std::string clock_time(int64_t time_ns);

}  // namespace m3::ask
