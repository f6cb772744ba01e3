#include "tools/m3_bench/child_bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "core/error.h"

extern char** environ;

namespace m3::bench {
namespace {

constexpr char kReady[] = R"({"type":"ready"})";

// Without the line's end; empty at the end of the file.
std::string read_line(std::FILE* file) {
  std::string line;
  for (int character = std::fgetc(file); character != EOF && character != '\n';
       character = std::fgetc(file)) {
    line += static_cast<char>(character);
  }
  return line;
}

}  // namespace

ChildBench::ChildBench(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // a process that dies is told by its missing answer
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0) throw Error(ErrorCode::kInternal, "no pipe could be made");
  if (::pipe2(output, O_CLOEXEC) != 0) {
    ::close(input[0]);
    ::close(input[1]);
    throw Error(ErrorCode::kInternal, "no pipe could be made");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  std::vector<std::string> words = {"m3-bench"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int status =
      ::posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  to_ = ::fdopen(input[1], "w");
  from_ = ::fdopen(output[0], "r");
  if (status != 0) {
    process_ = -1;
    std::fclose(to_);
    std::fclose(from_);
    failed();
  }
}

ChildBench::~ChildBench() {
  std::fclose(to_);
  std::fclose(from_);
  if (process_ <= 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

void ChildBench::wait_ready() {
  for (std::string line = read_line(from_); line != kReady; line = read_line(from_)) {
    if (line.empty()) failed();
  }
}

void ChildBench::go() {
  std::fputs("go\n", to_);
  std::fflush(to_);
}

std::map<std::string, double> ChildBench::figures() {
  std::map<std::string, double> figures;
  for (std::string line = read_line(from_); !line.empty(); line = read_line(from_)) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_object() && row.value("type", "") == "bench")
      figures[row.value("name", "")] = row.value("value", 0.0);
  }
  int status = 0;
  ::waitpid(process_, &status, 0);
  process_ = -1;
  if (status != 0) failed();
  return figures;
}

void ChildBench::ready_and_wait() {
  std::printf("%s\n", kReady);
  std::fflush(stdout);
  read_line(stdin);
}

void ChildBench::failed() const {
  throw Error(ErrorCode::kInternal, "a process of the comparison failed; what it said is above");
}

}  // namespace m3::bench
