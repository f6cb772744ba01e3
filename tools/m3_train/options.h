// The command line of m3-train. Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "tools/m3_train/settings.h"

namespace m3::train {

struct Options {
  std::string data;     // folder of pictures and annotations
  std::string out;      // folder that the run is kept in
  double minutes = 60;  // of training, over all starts together; not used with steps
  int64_t steps = 0;    // 0: by the clock
  uint64_t seed = 1;
  std::string init;      // model whose adapter is trained on; empty: begin anew
  std::string features;  // file that keeps what the tower saw; empty: in `out`
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  Settings settings;
  std::string pack_to;  // folder of pieces to write in place of training; empty: train
  uint64_t pack_examples = 20'000;
};

// The exit code when there is nothing left to do. Throws what read_settings() throws.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace m3::train
