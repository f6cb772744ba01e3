// The command line of m3-eval. Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/engine.h"
#include "tools/m3_eval/memory_study.h"

namespace m3::eval {

// What all studies take.
struct StudyOptions {
  EngineOptions engine;
  std::string data;  // folder that the questions' files are seen from
  bool json = false;
  std::string plot;  // PNG to write; empty: none
};

struct GranularityOptions : StudyOptions {
  std::string questions;         // JSON Lines; empty: made from the annotations
  std::string split = "val";     // of the annotations
  uint64_t seed = 1;             // of the questions that are made
  size_t limit = 0;              // questions, 0: all
  bool print_questions = false;  // and ask nothing
  bool blind = false;            // also on grey pictures
};

struct VideoOptions : StudyOptions {
  std::string questions;       // JSON Lines; empty: questions.jsonl in the data folder
  std::string scale = "auto";  // or a number
  // Properties of m3qa that the user gave, as text: the element's own defaults stand for all
  // others.
  std::vector<std::pair<std::string, std::string>> element_properties;
};

struct ControlOptions : StudyOptions {
  std::string split = "val";                 // of the annotations
  uint64_t seed = 1;                         // of the sequences
  size_t questions = 2000;                   // at least
  std::vector<double> budgets = {1, 4, 16};  // visual tokens a second
  double fps = 2;                            // frames looked at a second
  int window_tokens = 0;                     // 0: what the model was trained for
};

struct MemoryOptions : StudyOptions {
  std::string split = "val";  // of the annotations
  MemoryPlan plan;
};

using AnyOptions =
    std::variant<GranularityOptions, VideoOptions, ControlOptions, MemoryOptions, int>;

// The options of the study that is wanted, or the exit code when there is nothing left to do.
AnyOptions parse_options(int argc, char** argv);

}  // namespace m3::eval
