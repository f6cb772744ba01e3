// ScalePolicy: from a frame's activity, the budget and what went before, decides whether the tower
// looks at the frame and how many visual tokens it may have at most. Pure arithmetic on what it is
// given, so a run can be replayed from a log of activities. What it does when, as a table:
// docs/scale-control.md. Threads: one stream's policy is used from one thread at a time;
// give_back() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/activity.h"
#include "core/crop_choice.h"
#include "core/export.h"
#include "core/frame.h"
#include "core/token_budget.h"

namespace m3 {

enum class Reason {
  kFirst,
  kScene,
  kMotion,
  kDetail,
  kStatic,
  kBudget,
  kFixed,
  kSampled,
  kRefresh,
  kRoi,
  kRouter,
  kMemory,
  kBusy,
};
M3_API const char* to_string(Reason reason) noexcept;  // the contract's words, lower case

enum class Action {
  kEncode,  // the tower looks; `scale` is the most the frame may show
  kReuse,   // looked at and not worth tokens: the last tokens stay valid
  kSkip,    // sampled out: not looked at, as `fps` asks
};

struct Decision {
  Action action = Action::kSkip;
  int scale = 0;  // of the ladder with kEncode, else 0
  Reason reason = Reason::kSampled;
  // With kEncode, or kReuse for want of tokens: the scale that it would have got if the budget held
  // more and the engine had time; `scale` or finer. Else 0.
  int wanted = 0;
  // A closer look at a part of the frame beside the whole, 0: none. Its tokens come on top of
  // `scale` and were taken from the budget too.
  int crop_scale = 0;
  FramePart crop;

  int tokens() const noexcept { return scale + crop_scale; }
  friend bool operator==(const Decision&, const Decision&) = default;
};

struct ScalePolicyOptions {
  std::vector<int> ladder = {1, 9, 36, 144};  // ascending, scales above 0, one at least
  int fixed_scale = 0;  // 0: auto, else a scale of the ladder for every frame that is looked at
  double fps = 2.0;     // frames looked at a second, 0: every frame; up to 1000
  double refresh_seconds = 10;  // a static picture is encoded again after this long; 0: never
  // True: this stream's times have another origin than those of its budget group (a live source
  // that joined later), so its first frame counts as now for the group. False: equal stream times
  // are the same time for the budget.
  bool own_clock = false;
  // Frames in which something small moves get a closer look at it beside the whole, where the
  // budget holds it and enough for the next event.
  bool crops = false;
};

class M3_API ScalePolicy {
 public:
  // budget may be shared with other streams; never null. Throws kInvalidArgument.
  ScalePolicy(ScalePolicyOptions options, std::shared_ptr<TokenBudget> budget);

  // Whether `fps` asks for a look at this frame; the activity of other frames need not be measured.
  // Call once a frame, in order; pts_ns is stream time, kNoTime: looked at.
  bool samples(int64_t pts_ns);
  // For a frame that samples() picked. Takes the tokens from the budget.
  Decision decide(const Activity& activity, int64_t pts_ns);
  // For any other.
  static Decision skipped() { return {Action::kSkip, 0, Reason::kSampled}; }

  // Tokens of the frame at `pts_ns` that decide() granted and that were not shown: a router took
  // fewer, or the frame was dropped. They may be spent again.
  void give_back(int64_t pts_ns, int tokens);
  // The engine cannot keep up: frames come less often and scales are lowered until it can. load
  // 0..1, 0: idle.
  void set_load(double load);
  // Forgets the stream: flush, seek, new stream. What the budget holds stays as it is.
  void reset();

 private:
  // The picture that the last tokens show, and what has happened since.
  struct Shown {
    int64_t at_ns = 0;
    int scale = 0;
    Signature signature{};
  };
  // What the last frames did. Times are stream time.
  struct Watch {
    bool moving = false;  // between the first frame that moves and kHoldSeconds after the last
    std::optional<int64_t> detailed_ns;  // the last finer look at this stretch of motion
    int64_t since_ns = 0;                // when the stretch of motion, or of rest, began
    int64_t moved_ns = 0;                // the last frame that moved
    int changed = 0;                     // frames in a row at rest that differ from what is shown
    int64_t changed_ns = 0;              // the first of those
    double shown_motion = 0;             // in the frame last shown
    int paced_scale = 0;                 // the scale at which continuing motion was last shown
    std::optional<int64_t> scene_ns;     // the last cut that was taken as one
  };

  Decision decide_auto(const Activity& activity, int64_t now_ns);
  Decision decide_moving(const Activity& activity, int64_t now_ns);
  Decision decide_resting(const Activity& activity, int64_t now_ns);
  Decision spend(int scale, Reason reason, const Activity& activity, int64_t now_ns);
  void add_crop(const Activity& activity, int64_t now_ns, Decision* decision);
  void watch(const Activity& activity, int64_t now_ns);
  int paced_scale(int64_t now_ns);        // what continuing motion may have now, 0: it waits
  double pace(int64_t now_ns) const;      // tokens a second that continuing motion may spend now
  int half_bucket(int64_t now_ns) const;  // the finest scale that leaves half of what is saved
  int64_t budget_ns(int64_t now_ns) const { return now_ns + budget_offset_ns_.load(); }

  const ScalePolicyOptions options_;
  const std::shared_ptr<TokenBudget> budget_;
  const int event_scale_;                     // what the start of motion gets at least
  const int glance_scale_;                    // what a picture at rest gets when it is refreshed
  std::atomic<int64_t> budget_offset_ns_{0};  // budget time - stream time

  // One thread only.
  bool placed_ = false;  // budget_offset_ns_ is known
  bool after_reset_ = false;
  std::optional<int64_t> next_sample_ns_;
  std::optional<int64_t> last_ns_;
  std::optional<Shown> shown_;
  std::optional<Signature>
      fine_;  // the last picture shown at the finest scale that fits half the bucket
  Watch watch_;
  double load_ = 0;
};

}  // namespace m3
