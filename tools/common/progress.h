// Progress: a bar in the last line of the terminal, drawn only when stderr is a terminal and the
// work has taken more than two seconds. Threads: safe from any thread.
#pragma once

#include <chrono>
#include <mutex>
#include <string_view>

namespace m3::tools {

class Progress {
 public:
  Progress();
  ~Progress();  // clears the bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // fraction 0..1; what: a few words, "loading the model".
  void update(double fraction, std::string_view what);
  // Takes the bar off the terminal so that a line can be printed; the next update() draws it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  const bool terminal_;
  const Clock::time_point start_;
  std::mutex mutex_;
  Clock::time_point last_drawn_;  // guarded by mutex_
  bool drawn_ = false;            // guarded by mutex_
};

}  // namespace m3::tools
