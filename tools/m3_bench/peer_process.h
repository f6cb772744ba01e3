// PeerProcess: another program's way of doing the same work, in a process of its own (a script of
// tools/peers), which answers when it is asked: so both are measured by turns in one run. Threads:
// used from one thread at a time.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/m3_bench/child_process.h"

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

  // What it said of itself: "version", and more.
  const nlohmann::json& ready() const noexcept { return ready_; }
  std::string version() const { return ready_.at("version"); }
  // Milliseconds of each run that the line asks for, made now; at least one.
  std::vector<double> ask(const std::string& line);
  // For peers that do one thing only: of each of `count` runs.
  std::vector<double> run(int count) { return ask(std::to_string(count)); }

 private:
  [[noreturn]] void absent(const std::string& why) const;

  const Peer peer_;
  std::unique_ptr<ChildProcess> process_;
  nlohmann::json ready_;
};

}  // namespace m3::bench
