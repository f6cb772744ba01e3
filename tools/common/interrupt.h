// Interrupt: Ctrl-C and SIGTERM as a stop token. The second one ends the process at once.
// Threads: make it in main before any other thread starts, so that all inherit the blocked signals;
// the token may be used from any thread.
#pragma once

#include <stop_token>
#include <thread>

namespace m3::tools {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  void wait_for_signals();

  std::stop_source source_;
  std::thread waiter_;
};

}  // namespace m3::tools
