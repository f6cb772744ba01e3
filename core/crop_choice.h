// Where in a frame a closer look pays: around something small that moves. A tower sees the whole
// picture at a few hundred pixels, so somebody far away is a few of them; in a crop of a quarter
// of each side they are four times as large. Threads: free functions over values.
#pragma once

#include <optional>

#include "core/activity.h"
#include "core/export.h"
#include "core/frame.h"

namespace m3 {

// A rectangle in parts of a whole frame, 0..1, of the frame's own shape.
struct FramePart {
  float left = 0;
  float top = 0;
  float side = 0;  // part of the width, and of the height; 0: none

  friend bool operator==(const FramePart&, const FramePart&) = default;
};

inline constexpr float kSmallestCrop = 0.25F;  // of each side
inline constexpr float kLargestCrop = 0.5F;    // what needs more is seen in the whole frame

// The part around the thing that moves most among those that are small enough; none: nothing
// moves, or only what is large.
M3_API std::optional<FramePart> choose_crop(const Heat& heat);

// In luma pixels of the part of `frame` that is shown (its own crop), at least one each way.
M3_API Crop crop_of(const FrameView& frame, const FramePart& part);

}  // namespace m3
