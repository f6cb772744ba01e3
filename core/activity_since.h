// ActivitySince: what has happened since the last frame that was looked at, so that something that
// moved between two sampled frames is not missed. Threads: one stream's is used from one thread at
// a time.
#pragma once

#include "core/activity.h"
#include "core/export.h"

namespace m3 {

class M3_API ActivitySince {
 public:
  // Every frame's activity, in order.
  void add(const Activity& activity);
  // The newest frame's, with the most motion and any cut since the last take(). Only after an
  // add().
  Activity take();
  void reset() { *this = {}; }

 private:
  Activity newest_;
  double motion_ = 0;
  bool interest_ = false;  // of the frame with the most motion
  bool scene_ = false;
};

}  // namespace m3
