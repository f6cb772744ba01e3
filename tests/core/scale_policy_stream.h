// What tests of ScalePolicy share: activities as they come from a camera, and a stream of them.
// Threads: values.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/scale_policy.h"

namespace m3::test {

inline int64_t at(double seconds) { return std::llround(seconds * 1e9); }

inline std::shared_ptr<TokenBudget> budget_of(double rate, double burst) {
  return std::make_shared<TokenBudget>(rate, burst);
}

inline ScalePolicyOptions every_frame() {
  ScalePolicyOptions options;
  options.fps = 0;
  return options;
}

inline Activity rest() {
  Activity activity;
  activity.signature.fill(120);
  activity.complexity = 0.2;
  return activity;
}

inline Activity moving(double motion = 0.3, double complexity = 0.2) {
  Activity activity = rest();
  activity.motion = motion;
  activity.complexity = complexity;
  return activity;
}

inline Activity cut() {
  Activity activity = rest();
  activity.scene = true;
  activity.signature.fill(30);
  return activity;
}

// The picture with a thing of 2x4 blocks at column x.
inline Activity rest_with_thing(int x) {
  Activity activity = rest();
  for (int v = 6; v < 10; ++v) {
    for (int u = x; u < x + 2; ++u) activity.signature[v * kSignatureColumns + u] = 40;
  }
  return activity;
}

struct Shown {
  double second;
  int scale;
  Reason reason;
};

// A stream of 25 frames a second; keeps what was encoded.
class Stream {
 public:
  explicit Stream(ScalePolicy& policy) : policy_(policy) {}

  void play(const Activity& activity, double seconds) {
    const int frames = static_cast<int>(std::lround(seconds * 25));
    for (int i = 0; i < frames; ++i) step(activity);
  }
  Decision step(const Activity& activity) {
    const double second = frame_++ / 25.0;
    last_ = policy_.decide(activity, at(second));
    if (last_.action == Action::kEncode) shown.push_back({second, last_.scale, last_.reason});
    return last_;
  }
  double now() const { return frame_ / 25.0; }

  std::vector<Shown> shown;

 private:
  ScalePolicy& policy_;
  int frame_ = 0;
  Decision last_;
};

inline int tokens_of(const std::vector<Shown>& shown) {
  int sum = 0;
  for (const Shown& s : shown) sum += s.scale;
  return sum;
}

}  // namespace m3::test
