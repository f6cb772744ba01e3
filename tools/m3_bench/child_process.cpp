#include "tools/m3_bench/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/error.h"

extern char** environ;

namespace m3::bench {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  int number() const { return number_; }
  // As a file, which owns it from then on.
  std::FILE* open(const char* mode) {
    std::FILE* file = ::fdopen(number_, mode);
    if (file == nullptr) throw Error(ErrorCode::kInternal, "a pipe cannot be used as a file");
    number_ = -1;
    return file;
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw Error(ErrorCode::kInternal, std::string("no pipe can be made: ") + std::strerror(errno));
  }
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

}  // namespace

ChildProcess::ChildProcess(const std::string& program, std::vector<std::string> words,
                           Stderr stderr_goes) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  to_.reset(input.write.open("w"));
  from_.reset(output.read.open("r"));
  Actions actions;
  posix_spawn_file_actions_adddup2(actions.get(), input.read.number(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), output.write.number(), STDOUT_FILENO);
  if (stderr_goes == Stderr::kNowhere)
    posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int status =
      ::posix_spawnp(&process_, program.c_str(), actions.get(), nullptr, pointers.data(), environ);
  if (status != 0) {
    process_ = -1;
    throw Error(ErrorCode::kNotFound,
                "the program " + program + " cannot be started: " + std::strerror(status));
  }
}

ChildProcess::~ChildProcess() {
  if (process_ < 0) return;
  to_.reset();
  from_.reset();  // or it could wait for somebody to read
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

void ChildProcess::write_line(const std::string& line) {
  std::fprintf(to_.get(), "%s\n", line.c_str());
  std::fflush(to_.get());
}

std::optional<std::string> ChildProcess::read_line() {
  std::string line;
  int character = std::fgetc(from_.get());
  if (character == EOF) return std::nullopt;
  for (; character != EOF && character != '\n'; character = std::fgetc(from_.get()))
    line += static_cast<char>(character);
  return line;
}

bool ChildProcess::wait() {
  int status = 0;
  const bool ended = ::waitpid(std::exchange(process_, -1), &status, 0) > 0;
  return ended && status == 0;
}

}  // namespace m3::bench
