// EngineLoader: opens an element's engine on a thread of its own, tells the bus how far it is
// (PROGRESS messages) and posts the one error when it fails. Threads: start() and stop() from state
// changes; the rest from any thread.
#pragma once

#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/engine.h"

namespace m3 {

class EngineLoader {
 public:
  enum class State {
    kIdle,  // not started, or stopped
    kLoading,
    kReady,
    kFailed,  // the error has been posted
  };
  // What an element asks of a model once it is known. Throws Error.
  using CheckFn = std::function<void(const ModelInfo&)>;

  EngineLoader(GstElement* element, CheckFn check);  // the element is borrowed and lives longer
  ~EngineLoader() { stop(); }

  // Begins to load. Options equal to those of the last start() keep what came of it, a failure too,
  // until stop().
  void start(const EngineOptions& options);
  // Cancels a load and lets the engine go.
  void stop();

  // The state, after waiting up to `limit` while it is kLoading.
  State wait_for(std::chrono::milliseconds limit) const;
  // The engine when it is ready, else nullptr.
  std::shared_ptr<Engine> engine() const;

 private:
  void load(const EngineOptions& options, std::stop_token stop);
  void finish(State state, std::shared_ptr<Engine> engine);
  void post_progress(GstProgressType type, const std::string& text, double fraction);

  GstElement* const element_;
  const CheckFn check_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  State state_ = State::kIdle;      // guarded by mutex_
  std::shared_ptr<Engine> engine_;  // guarded by mutex_

  // State changes only.
  std::optional<EngineOptions> options_;
  std::jthread thread_;
};

}  // namespace m3
