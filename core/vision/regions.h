// Regions: parts of a picture where motion counts more, or not at all. Threads: values.
#pragma once

#include <string>
#include <vector>

#include "core/export.h"
#include "core/vision/small_luma.h"

namespace m3 {

// A rectangle in parts of the whole frame, 0..1; what lies beyond the frame is left out.
struct Region {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;

  bool operator==(const Region&) const = default;
};

struct Regions {
  // Motion elsewhere counts a quarter. Empty: all of the picture is of interest.
  std::vector<Region> interest;
  std::vector<Region> ignored;  // nothing in there counts, also where it is of interest

  bool empty() const { return interest.empty() && ignored.empty(); }
  bool operator==(const Regions&) const = default;
};

// "left,top,width,height" in parts of the frame, more of them behind semicolons; empty: none. 16
// at most. Throws kInvalidArgument that names `what`.
M3_API std::vector<Region> parse_regions(const std::string& text, const char* what);

// What a pixel of the small picture counts, row-major: 0, 0.25 or 1.
std::vector<float> weights_of(const Regions& regions, const SmallLuma& luma);

}  // namespace m3
