// ChildBench: this program once more, in a process of its own, measuring the same thing. It gets
// ready, waits for the word, and then says its figures. Threads: one thread.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace m3::bench {

class ChildBench {
 public:
  // arguments: of the command line, without the program. Throws kInternal when it cannot start.
  explicit ChildBench(const std::vector<std::string>& arguments);
  // Ends the process if it still runs.
  ~ChildBench();
  ChildBench(const ChildBench&) = delete;
  ChildBench& operator=(const ChildBench&) = delete;

  // Blocks until it is ready. Throws kInternal when it ends before.
  void wait_ready();
  void go();
  // Its figures by name; blocks until its end. Throws kInternal when it fails.
  std::map<std::string, double> figures();

  // What it says when it is ready, as a line of its own, and what it waits for.
  static void ready_and_wait();

 private:
  [[noreturn]] void failed() const;

  pid_t process_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace m3::bench
