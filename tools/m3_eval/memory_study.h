// The memory study: what a model still knows of a picture that it saw for two seconds, after
// minutes of other video, and what becoming coarser costs. The "video" is made of a folder's
// pictures, a scene each. Tokens go straight into the session, a picture goes through the tower
// once, and questions are asked of several streams side by side, so an hour of stream takes
// seconds. Threads: values; run_memory_study() blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "tools/dataset/annotations.h"

namespace m3::eval {

struct MemoryPlan {
  size_t needles = 100;                    // pictures that are asked about, >= 1
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
  std::string kind;  // of Needle::questions
  Arm arm = Arm::kNested;
  bool right = false;
};

// Every needle's questions after 30 s, to nested, blind and fine; and after each of plan.minutes,
// to nested, recent and blind. What was done when `stop` was requested is returned. Throws
// kNotFound when the folder has too few pictures of different things.
std::vector<MemoryRecord> run_memory_study(
    const std::shared_ptr<Engine>& engine, const std::string& folder,
    const std::vector<dataset::AnnotatedPicture>& pictures, const MemoryPlan& plan,
    std::stop_token stop, const std::function<void(double, const std::string&)>& progress);

}  // namespace m3::eval
