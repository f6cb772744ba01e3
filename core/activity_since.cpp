#include "core/activity_since.h"

#include <algorithm>

namespace m3 {

void ActivitySince::add(const Activity& activity) {
  newest_ = activity;
  motion_ = std::max(motion_, activity.motion);
  scene_ |= activity.scene;
}

Activity ActivitySince::take() {
  Activity since = newest_;
  since.motion = motion_;
  since.scene = scene_;
  motion_ = 0;
  scene_ = false;
  return since;
}

}  // namespace m3
