// ChildBench: this program once more, in a process of its own, measuring the same thing. It gets
// ready, waits for the word, and then says its figures. Threads: one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/m3_bench/child_process.h"

namespace m3::bench {

class ChildBench {
 public:
  // arguments: of the command line, without the program. Throws what ChildProcess throws.
  explicit ChildBench(const std::vector<std::string>& arguments);

  // Blocks until it is ready. Throws kInternal when it ends before.
  void wait_ready();
  void go();
  // Its figures by name; blocks until its end. Throws kInternal when it fails. Once, and last.
  std::map<std::string, double> figures();

  // What it says when it is ready, as a line of its own, and what it waits for.
  static void ready_and_wait();

 private:
  ChildProcess process_;
};

}  // namespace m3::bench
