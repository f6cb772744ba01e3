// ChildProcess: a program in a process of its own that is spoken to in lines, over its stdin and
// stdout. Threads: used from one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace m3::bench {

class ChildProcess {
 public:
  enum class Stderr { kOurs, kNowhere };

  // program: a path, or a name that is looked for in PATH. words: its arguments, words[0] being
  // what it is called by. Throws kNotFound when it cannot be started, kInternal when there is no
  // pipe to be had. A process that has ended never ends this one: SIGPIPE is ignored from here on.
  ChildProcess(const std::string& program, std::vector<std::string> words,
               Stderr stderr_goes = Stderr::kOurs);
  // Closes its input and output, tells it to end (SIGTERM) and waits until it has.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // A line that cannot be written is lost; the answer that does not come tells of it.
  void write_line(const std::string& line);
  // Blocks. Without the line's end; nothing when its output has ended.
  std::optional<std::string> read_line();
  // Blocks until it ends; whether it ended well. At most once.
  bool wait();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  pid_t process_ = -1;  // -1: it was waited for
  File to_;
  File from_;
};

}  // namespace m3::bench
