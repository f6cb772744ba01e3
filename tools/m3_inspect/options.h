// The command line of m3-inspect.
// Threads: a value.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "core/engine.h"

namespace m3::inspect {

struct Options {
  EngineOptions engine;  // its `model` is the model that is looked at
  bool json = false;

  std::optional<std::string> tokenize;  // only this text's token ids are printed

  // One run with every stage written down; asked for by `trace`.
  std::string trace;   // file that is written; empty: no run
  std::string image;   // picture file; at most one of image and pixels; neither: text only
  std::string pixels;  // safetensors file with the tensor pixel_values
  int scale = 0;       // visual tokens, 0: the finest
  std::string prompt;  // the user's question, or with raw_prompt the whole text
  bool raw_prompt = false;
  int max_new_tokens = 32;
};

// The options, or the exit code when the command line leaves nothing to do.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace m3::inspect
