// FrameEncoder: pictures waiting for the vision tower, of all streams, in the order they came. As
// many as the tower takes together go through it at once, in units of work between which anything
// more urgent runs. A frame in the device's memory never leaves it. Threads: encode() from any
// thread; the rest on the engine's thread.
#pragma once

#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include "core/engine.h"
#include "core/torch/device_picture.h"
#include "core/torch/model.h"
#include "core/torch/preprocess.h"
#include "core/torch/scheduler.h"
#include "core/torch/unit.h"
#include "core/torch/vision.h"

namespace m3 {

class FrameEncoder {
 public:
  // Both are borrowed. most_together: pictures in the tower at once; 0: as many as it takes. A unit
  // of work takes about `unit`, and one step of the tower at least.
  FrameEncoder(const Model& model, Scheduler& scheduler, size_t most_together = 0,
               TowerPass::Clock::duration unit = kUnit);
  // Frames that are not done get kCancelled.
  ~FrameEncoder();

  // Throws kInvalidArgument, and kUnsupported for a frame in CUDA memory where the model is not.
  std::future<Tokens> encode(const EncodeRequest& request);

 private:
  struct Job {
    PictureBytes bytes;  // of a frame in host memory
    at::Tensor picture;  // uint8 [3, size, size]; of bytes, or on the device
    int keep_scale;
    std::promise<Tokens> result;
  };
  Job read(const FrameView& frame, int keep_scale);
  void post();
  void run();
  void begin();
  void end();
  void end_failed(const std::exception_ptr& error);
  void release(Job& job);

  const Model& model_;
  Scheduler& scheduler_;
  Preprocessor preprocessor_;
  DevicePictures on_device_;
  const size_t most_together_;
  const TowerPass::Clock::duration unit_;
  std::mutex mutex_;
  std::deque<Job> jobs_;  // guarded by mutex_; not begun
  bool posted_ = false;   // guarded by mutex_

  // The engine's thread only.
  std::vector<Job> batch_;  // in the tower
  std::unique_ptr<TowerPass> pass_;
  size_t alone_ = 0;  // so many of the next pictures go through it by themselves
};

}  // namespace m3
