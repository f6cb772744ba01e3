// Scaler: what m3scale does, without GObject: asks the policy for each frame, attaches what it
// decided, and tells when quality is lower than it would be. Threads: said with each group of
// functions. Nothing is posted or queried with a lock held.
#pragma once

#include <gst/base/gstbasetransform.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/activity_since.h"
#include "core/scale_policy.h"
#include "core/token_budget.h"
#include "plugins/frame_time.h"
#include "plugins/load_event.h"

namespace m3 {

struct ScaleSettings {
  double fps = 2;              // frames a second, 0: every frame
  std::string scale = "auto";  // "auto" or a scale of the ladder
  double budget = 64;          // visual tokens a second, 0: none
  double burst = 0;  // visual tokens, 0: ten seconds of budget, but the finest scale at least
  std::string budget_group;  // empty: a budget of its own
  std::string activity_log;  // a file that each frame looked at is written down in; empty: none
  bool crops = false;        // a closer look at small things that move

  friend bool operator==(const ScaleSettings&, const ScaleSettings&) = default;
};

class Scaler {
 public:
  explicit Scaler(GstBaseTransform* element) : element_(element) {}

  ScaleSettings settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  // Two threads may change two properties at once: neither is lost.
  template <typename Change>
  void change_settings(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(settings_);
  }
  // From m3encode and m3llm, on any thread.
  void set_load(const Load& load) {
    (load.of == LoadOf::kTower ? tower_load_ : window_load_) = load.load;
  }

  // State changes.
  void start();  // throws kInvalidArgument
  void stop() { state_.reset(); }

  // Streaming thread.
  void begin_stream() {
    state_->time.reset();
    forget();
  }
  void forget() {
    state_->since.reset();
    if (state_->policy) state_->policy->reset();
  }
  void set_segment(const GstSegment& segment) { state_->time.set_segment(segment); }
  void set_caps(const GstCaps* caps) {
    gint numerator = 0;
    gint denominator = 1;
    gst_structure_get_fraction(gst_caps_get_structure(caps, 0), "framerate", &numerator,
                               &denominator);
    state_->time.set_rate(numerator, denominator);
    state_->ask_again = true;
  }
  void process(GstBuffer* buffer);  // writable

 private:
  static constexpr int kWholeQuality = 1000000;  // as QOS messages count

  struct State {  // streaming thread only; lives from start to stop
    FrameTime time;
    ActivitySince since;
    ScaleSettings used;  // the last that fitted: what `policy` was made of, or those of the start
    std::vector<int> ladder = ScalePolicyOptions().ladder;
    bool ask_again = true;  // downstream may know another ladder
    bool live = false;
    std::shared_ptr<TokenBudget> budget;
    std::shared_ptr<ScalePolicy> policy;
    std::ofstream log;
    uint64_t whole = 0;                // frames encoded as finely as wanted
    uint64_t lowered = 0;              // and those that were not
    int told_quality = kWholeQuality;  // what the last QOS message said
  };

  void update_policy();
  void tell_quality(GstBuffer* buffer, GstClockTime pts, const Decision& decision);
  void make_policy(const ScaleSettings& settings);

  GstBaseTransform* const element_;
  std::atomic<double> tower_load_{0};
  std::atomic<double> window_load_{0};

  mutable std::mutex mutex_;
  ScaleSettings settings_;  // guarded by mutex_

  std::optional<State> state_;
};

}  // namespace m3
