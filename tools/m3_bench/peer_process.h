// PeerProcess: another program's way of doing the same work, in a process of its own (a script of
// tools/peers), which answers when it is asked: so both are measured by turns in one run. Threads:
// used from one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace m3::bench {

// What is run, and what an error says about it.
struct Peer {
  std::string name;      // "ONNX Runtime"
  std::string script;    // of tools/peers
  std::string packages;  // "onnx, onnxruntime, numpy and safetensors"
};

class PeerProcess {
 public:
  // Starts the peer. Throws kNotFound with the reason when Python, the script or a package is not
  // there.
  PeerProcess(const std::string& python, Peer peer, const std::vector<std::string>& arguments);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // What it said of itself: "version", and more.
  const nlohmann::json& ready() const noexcept { return ready_; }
  std::string version() const { return ready_.at("version"); }
  // Milliseconds of each of `count` runs, made now.
  std::vector<double> run(int count);

 private:
  void close();
  std::string read_line();
  [[noreturn]] void absent(const std::string& why) const;

  const Peer peer_;
  pid_t process_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  nlohmann::json ready_;
};

}  // namespace m3::bench
