// LineReader: the lines of a file descriptor as they come, without waiting for them.
// Threads: one thread at a time.
#pragma once

#include <string>
#include <vector>

namespace m3::ask {

class LineReader {
 public:
  explicit LineReader(int file) : file_(file) {}  // borrowed

  // Whole lines that have come since the last call, without their ends; blank ones are left out. A
  // last line without an end counts when the input ends. A line of more than 64 KiB is cut there.
  std::vector<std::string> lines();

 private:
  const int file_;
  bool open_ = true;
  std::string rest_;  // of a line that is not complete
};

}  // namespace m3::ask
