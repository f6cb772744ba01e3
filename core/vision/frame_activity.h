// FrameActivity: motion and complexity of a frame from its luma, measured with OpenCV on a small
// copy. Threads: one stream's measure is used from one thread at a time.
#pragma once

#include <memory>

#include "core/activity.h"
#include "core/export.h"
#include "core/frame.h"
#include "core/vision/regions.h"

namespace m3 {

class M3_API FrameActivity {
 public:
  FrameActivity();
  ~FrameActivity();

  // Host frames only; throws kUnsupported for device memory. Allocates only when the frame's size
  // changes.
  Activity measure(const FrameView& frame);
  // For a frame of which it is known that nothing moves in it: all as it was, nothing moves.
  // pts_ns as in FrameView.
  Activity pass(int64_t pts_ns);
  // Where activity counts, from the next frame on; cheap when they are those that hold.
  void set_regions(const Regions& regions);
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace m3
