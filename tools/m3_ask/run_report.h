// RunReport: what m3-ask tells at the end: counts over all videos and windows, and what failed.
// Threads: one thread.
#pragma once

#include <chrono>
#include <string>

#include "core/json_lines.h"
#include "tools/m3_ask/printer.h"

namespace m3::ask {

class RunReport {
 public:
  explicit RunReport(Printer& printer) : printer_(printer), start_(Clock::now()) {}

  void add(const EndLine& part);
  void fail() noexcept { failed_ = true; }  // already told on stderr

  int exit_code() const noexcept;
  // Prints the `end` line. The exit code.
  int finish();

 private:
  using Clock = std::chrono::steady_clock;

  Printer& printer_;
  const Clock::time_point start_;
  EndLine sum_;
  bool failed_ = false;
};

}  // namespace m3::ask
