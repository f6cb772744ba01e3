// The memory study: what a model still knows of a picture that it saw for two seconds, after
// minutes of other video, and what becoming coarser costs. The "video" is made of a folder's
// pictures: a scene is one picture, whose first frame is fine and which is looked at again,
// coarser, every few seconds, as m3scale does with a quiet stream. Tokens go straight into the
// session, so an hour of stream takes seconds. Threads: free functions and values;
// run_memory_study() blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "tools/dataset/annotations.h"
#include "tools/m3_eval/share.h"

namespace m3::eval {

struct MemoryPlan {
  size_t needles = 20;                     // pictures that are asked about, >= 1
  std::vector<double> minutes{1, 10, 60};  // of other video behind a needle, ascending
  int window_tokens = 0;                   // as in SessionOptions
  double scene_seconds = 20;               // that one picture of the other video stays
  uint64_t seed = 1;
};

// Who answers.
enum class Arm {
  kNested,  // the window as it is
  kRecent,  // a window of as many tokens that holds the last frames only
  kBlind,   // all pictures grey
  kFine,    // a window in which all fits as it came
};
const char* to_string(Arm arm) noexcept;

struct MemoryRecord {
  size_t needle = 0;
  double seconds_ago = 0;
  std::string kind;  // "ever": was it there, yes or no; "at": what was there at that second
  Arm arm = Arm::kNested;
  bool right = false;
};

struct MemoryRow {
  double seconds_ago = 0;
  std::string kind;  // "all" comes first
  Arm arm = Arm::kNested;
  Share share;
};

// Needle questions after each of plan.minutes for nested, recent and blind; and after 30 s for
// nested, blind and fine. Each needle is asked about twice with "ever" (once in vain) and once with
// "at". What was done when `stop` was requested is returned. Throws kNotFound when the folder has
// too few pictures of different things.
std::vector<MemoryRecord> run_memory_study(
    const std::shared_ptr<Engine>& engine, const std::string& folder,
    const std::vector<dataset::AnnotatedPicture>& pictures, const MemoryPlan& plan,
    std::stop_token stop, const std::function<void(double, const std::string&)>& progress);

std::vector<MemoryRow> rows_of(const std::vector<MemoryRecord>& records);

}  // namespace m3::eval
