// Prefiller: all windows of an engine whose spans lack keys and values. Spans of several windows go
// through the model together, each window with an equal share; windows that a question waits for
// have passes of their own, which go first. Threads: forget() from any thread, it waits for the
// running unit of work; everything else, and the calls of `ready`, on the engine's thread.
#pragma once

#include <array>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <vector>

#include "core/torch/decoder.h"
#include "core/torch/leavable_target.h"
#include "core/torch/model.h"
#include "core/torch/scheduler.h"
#include "core/torch/stream_window.h"
#include "core/torch/unit.h"

namespace m3 {

class Prefiller {
 public:
  // Called once: with null when nothing is missing any more, else with what went wrong.
  using Ready = std::function<void(std::exception_ptr)>;
  enum Urgency { kBackground, kQuestionWaits };

  // Both are borrowed. A unit of work takes about `unit`, and one block of the model at least.
  Prefiller(const Model& model, Scheduler& scheduler, DecoderPass::Clock::duration unit = kUnit)
      : model_(model), scheduler_(scheduler), unit_(unit) {}

  // Computes what `window` misses. Until `ready` is called it must not change, nor be given again.
  void start(StreamWindow& window, Urgency urgency, Ready ready);
  // A question waits for it now.
  void hurry(const StreamWindow& window);
  // Lets go of a window: `ready` is not called any more, and what was half done is dropped. Nothing
  // happens when it is not here.
  void forget(const StreamWindow& window);

 private:
  struct Entry {
    StreamWindow* window = nullptr;
    Urgency urgency = kBackground;
    Ready ready;
    std::deque<LeavableTarget> targets;  // of the pass that it takes part in
    bool alone = false;                  // its next pass is shared with nobody
  };
  using Entries = std::deque<Entry>;
  // Spans of these windows are on their way together. A deque keeps its targets where they are when
  // an entry is moved.
  struct Pass {
    Urgency urgency = kBackground;  // of the most urgent one
    Entries entries;
    Entries left;  // only for their targets
    std::optional<LeavableTarget> padding;
    std::optional<DecoderPass> rows;
  };
  using Passes = std::list<Pass>;

  // With mutex_ held.
  void post(Urgency urgency);
  void post_rest();
  Passes::iterator current(Urgency urgency);
  void fill(Pass& pass);

  void run(Urgency urgency);

  const Model& model_;
  Scheduler& scheduler_;
  const DecoderPass::Clock::duration unit_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::array<Entries, 2> waiting_;  // by Urgency
  Passes passes_;                   // begun and not done
  std::array<bool, 2> posted_{};
};

}  // namespace m3
