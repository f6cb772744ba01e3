// FrameEncoder: pictures waiting for the vision tower, of all streams, in the order they came.
// Threads: encode() from any thread; the rest on the engine's thread.
#pragma once

#include <deque>
#include <future>
#include <mutex>

#include "core/engine.h"
#include "core/torch/model.h"
#include "core/torch/preprocess.h"
#include "core/torch/scheduler.h"

namespace m3 {

class FrameEncoder {
 public:
  // Both are borrowed.
  FrameEncoder(const Model& model, Scheduler& scheduler);
  // Frames still waiting get kCancelled.
  ~FrameEncoder();

  std::future<Tokens> encode(const EncodeRequest& request);

 private:
  struct Job {
    PictureBytes picture;
    int keep_scale;
    std::promise<Tokens> result;
  };
  void run();
  Tokens tokens_of(const Job& job) const;

  const Model& model_;
  Scheduler& scheduler_;
  Preprocessor preprocessor_;
  std::mutex mutex_;
  std::deque<Job> jobs_;  // guarded by mutex_
};

}  // namespace m3
