#include "core/activity_since.h"

#include <algorithm>

namespace m3 {

void ActivitySince::add(const Activity& activity) {
  newest_ = activity;
  if (activity.motion >= motion_) interest_ = activity.interest;
  motion_ = std::max(motion_, activity.motion);
  scene_ |= activity.scene;
}

Activity ActivitySince::take() {
  Activity since = newest_;
  since.motion = motion_;
  since.scene = scene_;
  since.interest = interest_;
  motion_ = 0;
  interest_ = false;
  scene_ = false;
  return since;
}

}  // namespace m3
