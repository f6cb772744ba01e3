// OrtPeer: ONNX Runtime on the tower's graph, in a process of its own (tools/peers/ort_tower.py),
// which answers when it is asked: so both are measured by turns in one run. Threads: used from one
// thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace m3::bench {

class OrtPeer {
 public:
  // Starts the peer. Throws kNotFound with the reason when Python, the script or a package is not
  // there.
  OrtPeer(const std::string& python, const std::string& model_folder,
          const std::string& tower_weights, int threads);
  ~OrtPeer();
  OrtPeer(const OrtPeer&) = delete;
  OrtPeer& operator=(const OrtPeer&) = delete;

  const std::string& version() const noexcept { return version_; }
  // Length of the tower's output for the pixels (31 c + 7 y + 13 x) mod 256.
  double norm() const noexcept { return norm_; }
  // Milliseconds of each of `count` runs, made now.
  std::vector<double> run(int count);

 private:
  void close();
  std::string read_line();

  pid_t process_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  std::string version_;
  double norm_ = 0;
};

}  // namespace m3::bench
