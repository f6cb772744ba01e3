#include "tools/m3_bench/peer_process.h"

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

constexpr char kScript[] = M3_PEERS_DIR "/ort_tower.py";

[[noreturn]] void absent(const std::string& why) {
  throw Error(ErrorCode::kNotFound, "ONNX Runtime cannot be compared with: " + why);
}

}  // namespace

OrtPeer::OrtPeer(const std::string& python, const std::string& model_folder,
                 const std::string& tower_weights, int threads) {
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
  const std::string thread_count = std::to_string(threads);
  std::vector<std::string> words = {python,        kScript,     model_folder,
                                    tower_weights, "--threads", thread_count};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int status =
      ::posix_spawnp(&process_, python.c_str(), &actions, nullptr, arguments.data(), environ);
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
    const auto ready = nlohmann::json::parse(read_line());
    version_ = ready.at("version");
    norm_ = ready.at("norm");
  } catch (const nlohmann::json::exception&) {
    close();
    absent(python + " cannot run " + kScript +
           "; it needs the packages onnx, onnxruntime, numpy and safetensors");
  }
}

OrtPeer::~OrtPeer() { close(); }

void OrtPeer::close() {
  std::fclose(to_);  // the peer ends at the end of its input
  std::fclose(from_);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

std::vector<double> OrtPeer::run(int count) {
  std::fprintf(to_, "%d\n", count);
  std::fflush(to_);
  try {
    return nlohmann::json::parse(read_line());
  } catch (const nlohmann::json::exception&) {
    absent("it ended in the middle of a measurement");
  }
}

std::string OrtPeer::read_line() {
  std::string line;
  for (int character = std::fgetc(from_); character != EOF && character != '\n';
       character = std::fgetc(from_)) {
    line += static_cast<char>(character);
  }
  return line;
}

}  // namespace m3::bench
