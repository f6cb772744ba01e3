// ScalePolicy: from a frame's activity, the budget and what went before, decides whether the tower looks at the frame
// and how many visual tokens it may have at most. Pure arithmetic on what it is given, so a run can be replayed from a
// log of activities.
// Threads: one stream's policy is used from one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/export.h"
#include "core/token_budget.h"

namespace m3 {

// What is seen in a frame without the tower. Made by core/vision/frame_activity.
struct Activity {
  double motion = 0;      // 0..1: how much moves, camera noise and global motion taken out
  double complexity = 0;  // 0..1: detail that a coarse scale would lose
  bool scene = false;     // a cut: hardly anything of the last picture is left
  double noise = 0;       // camera noise, standard deviation of luma, 0..255
  // Mean luma of 32x18 equal blocks, row-major: small enough to travel with the frame, and enough to tell how far the
  // picture has moved from the one last encoded.
  std::array<uint8_t, 32 * 18> signature{};
};

enum class Reason {
  kFirst, kScene, kMotion, kDetail, kStatic, kBudget, kFixed, kSampled, kRefresh, kRoi, kRouter, kMemory, kBusy,
};
M3_API const char* to_string(Reason reason) noexcept;  // the contract's words, lower case

enum class Action {
  kEncode,  // the tower looks; `scale` is the most the frame may show
  kReuse,   // looked at and found unchanged: the last tokens stay valid
  kSkip,    // sampled out: not looked at, as `fps` asks
};

struct Decision {
  Action action = Action::kSkip;
  int scale = 0;  // of the ladder with kEncode, else 0
  Reason reason = Reason::kSampled;
};

struct ScalePolicyOptions {
  std::vector<int> ladder = {1, 9, 36, 144};  // ascending
  int fixed_scale = 0;          // 0: auto, else a scale of the ladder for every frame that is looked at
  double fps = 2.0;             // frames looked at a second, 0: every frame; up to 1000
  double refresh_seconds = 10;  // a static picture is encoded again after this long; 0: never
};

class M3_API ScalePolicy {
 public:
  // budget may be shared with other streams; never null. Throws kInvalidArgument.
  ScalePolicy(ScalePolicyOptions options, std::shared_ptr<TokenBudget> budget);

  // Whether `fps` asks for a look at this frame; the activity of other frames need not be measured.
  // Call once a frame, in order; pts_ns is stream time, kNoTime: looked at.
  bool samples(int64_t pts_ns);
  // For a frame that samples() picked.
  Decision decide(const Activity& activity, int64_t pts_ns);
  // For any other.
  static Decision skipped() { return {Action::kSkip, 0, Reason::kSampled}; }

  // The engine cannot keep up: scales are lowered until it can. load 0..1, 0: idle.
  void set_load(double load);
  // Forgets the stream: flush, seek, new stream.
  void reset();

 private:
  int wanted_scale(const Activity& activity, Reason* reason) const;

  const ScalePolicyOptions options_;
  const std::shared_ptr<TokenBudget> budget_;
  std::optional<int64_t> next_sample_ns_;
  std::optional<int64_t> last_encoded_ns_;
  int last_scale_ = 0;
  double load_ = 0;
};

}  // namespace m3
