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
  // Of encode, prefill, decode, stream, llava, soak, streams, train, ttft.
  std::set<std::string> what;
  int64_t frames = 20'000;              // of soak
  std::string python = M3_PEER_PYTHON;  // runs the peers
  int streams = 16;                     // of streams
  double seconds = 10;                  // that streams measures
  bool processes = false;               // of streams: compare with one process a stream
  bool wait = false;                    // of streams: get ready, then wait for a line on stdin
  bool json = false;
};

// The exit code when there is nothing left to do.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace m3::bench
