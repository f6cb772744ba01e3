// PeerProcess: a program of tools/peers that does the same work as the engine, in a process of its
// own, which answers when it is asked: so both are measured by turns in one run. Threads: used from
// one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace m3::bench {

class PeerProcess {
 public:
  // name: for people. script: of tools/peers. packages: what Python needs to run it. Throws
  // kNotFound with the reason when Python or a package is not there.
  PeerProcess(std::string name, const std::string& python, const std::string& script,
              const std::vector<std::string>& arguments, const std::string& packages);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // "ONNX Runtime 1.32.0"
  std::string name() const { return name_ + " " + ready_.at("version").get<std::string>(); }
  // A number that it told when it was ready.
  double told(const std::string& key) const { return ready_.at(key); }
  // Sends a line and returns the milliseconds of each run that it asked for.
  std::vector<double> ask(const std::string& line);

 private:
  [[noreturn]] void absent(const std::string& why) const;
  void close();
  std::string read_line();

  const std::string name_;
  pid_t process_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  nlohmann::json ready_;
};

}  // namespace m3::bench
