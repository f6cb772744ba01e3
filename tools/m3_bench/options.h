// The command line of m3-bench.
// Threads: free functions.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>

#include "core/engine.h"

namespace m3::bench {

struct Options {
  EngineOptions engine;
  std::set<std::string> what;           // of encode, prefill, decode, stream, llava, soak, streams
  int64_t frames = 20'000;              // of soak
  std::string python = M3_PEER_PYTHON;  // runs the peers
  int streams = 16;                     // of streams
  bool json = false;
};

// The exit code when there is nothing left to do.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace m3::bench
