// ListRun: prints the answers to a list of questions and sums up what failed: a list of thousands
// with a missing folder gives one line on stderr, not thousands. Threads: one thread.
#pragma once

#include <cstddef>
#include <string>

#include "tools/m3_ask/printer.h"
#include "tools/m3_ask/run_report.h"

namespace m3::ask {

class ListRun {
 public:
  // total: questions in the list, for the progress bar.
  ListRun(Printer& printer, RunReport& report, size_t total)
      : printer_(printer), report_(report), total_(total) {}

  void answer(const AnswerLine& line);
  size_t answered() const noexcept { return answered_; }
  size_t next_number() const noexcept { return answered_ + 1; }
  void progress(const std::string& what) { progress(what, 0); }
  // part: 0..1 of the next question's work.
  void progress(const std::string& what, double part);
  void interrupted();
  // Tells of failures. Call once, at the end.
  void close();

 private:
  Printer& printer_;
  RunReport& report_;
  const size_t total_;
  size_t answered_ = 0;
  size_t failed_ = 0;
  std::string first_failure_;
};

}  // namespace m3::ask
