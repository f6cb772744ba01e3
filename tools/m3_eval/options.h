// The command line of m3-eval. Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/engine.h"

namespace m3::eval {

struct Options {
  EngineOptions engine;
  std::string data;              // folder that the questions' files are seen from
  std::string questions;         // JSON Lines; empty: made from the annotations
  std::string split = "val";     // of the annotations
  uint64_t seed = 1;             // of the questions that are made
  size_t limit = 0;              // questions, 0: all
  bool print_questions = false;  // and ask nothing
  bool blind = false;            // also on grey pictures
  bool json = false;
};

// The exit code when there is nothing left to do.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace m3::eval
