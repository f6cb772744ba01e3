#include "tools/m3_bench/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "core/error.h"

extern char** environ;

namespace m3::bench {

PeerProcess::PeerProcess(std::string name, const std::string& python, const std::string& script,
                         const std::vector<std::string>& arguments, const std::string& packages)
    : name_(std::move(name)) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer that dies is told by its missing answer
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0)
    absent("no pipe could be made");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  // Python's own words about a missing package would only confuse.
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const std::string path = std::string(M3_PEERS_DIR "/") + script;
  std::vector<std::string> words = {python, path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int status =
      ::posix_spawnp(&process_, python.c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  to_ = ::fdopen(input[1], "w");
  from_ = ::fdopen(output[0], "r");
  if (status != 0) {
    process_ = -1;
    close();
    absent("there is no program " + python);
  }
  try {
    ready_ = nlohmann::json::parse(read_line());
    ready_.at("version").get<std::string>();
  } catch (const nlohmann::json::exception&) {
    close();
    absent(python + " cannot run " + path + "; it needs the packages " + packages);
  }
}

PeerProcess::~PeerProcess() { close(); }

void PeerProcess::absent(const std::string& why) const {
  throw Error(ErrorCode::kNotFound, name_ + " cannot be compared with: " + why);
}

void PeerProcess::close() {
  std::fclose(to_);  // the peer ends at the end of its input
  std::fclose(from_);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

std::vector<double> PeerProcess::ask(const std::string& line) {
  std::fprintf(to_, "%s\n", line.c_str());
  std::fflush(to_);
  try {
    return nlohmann::json::parse(read_line());
  } catch (const nlohmann::json::exception&) {
    absent("it ended in the middle of a measurement");
  }
}

std::string PeerProcess::read_line() {
  std::string line;
  for (int character = std::fgetc(from_); character != EOF && character != '\n';
       character = std::fgetc(from_)) {
    line += static_cast<char>(character);
  }
  return line;
}

}  // namespace m3::bench
