#include "core/vision/regions.h"

#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace m3 {
namespace {

constexpr size_t kMostRegions = 16;
constexpr float kElsewhere = 0.25F;

// A number and what ends it; moves `at` behind both.
bool read_number(const char** at, char end, double* number) {
  char* behind = nullptr;
  *number = std::strtod(*at, &behind);
  if (behind == *at || !std::isfinite(*number) || *number < 0 || *number > 1) return false;
  if (end == '\0' ? *behind != '\0' && *behind != ';' : *behind != end) return false;
  *at = *behind == '\0' ? behind : behind + 1;
  return true;
}

}  // namespace

std::vector<Region> parse_regions(const std::string& text, const char* what) {
  std::vector<Region> regions;
  for (const char* at = text.c_str(); *at != '\0';) {
    Region region;
    if (!read_number(&at, ',', &region.left) || !read_number(&at, ',', &region.top) ||
        !read_number(&at, ',', &region.width) || !read_number(&at, '\0', &region.height) ||
        region.width == 0 || region.height == 0 || regions.size() == kMostRegions) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::string(what) + " \"" + text +
                      "\" cannot be read; give left,top,width,height from 0 to 1, parts of the "
                      "picture, at most 16 of them with semicolons between");
    }
    regions.push_back(region);
  }
  return regions;
}

std::vector<float> weights_of(const Regions& regions, const SmallLuma& luma) {
  const int width = luma.width_px();
  const int height = luma.height_px();
  std::vector<float> weights(static_cast<size_t>(width) * height,
                             regions.interest.empty() ? 1 : kElsewhere);
  const auto paint = [&](const std::vector<Region>& all, float weight) {
    for (const Region& region : all) {
      for (int y = 0; y < height; ++y) {
        const double middle_y = luma.row_in_frame(y);
        if (middle_y < region.top || middle_y >= region.top + region.height) continue;
        for (int x = 0; x < width; ++x) {
          const double middle_x = luma.column_in_frame(x);
          if (middle_x >= region.left && middle_x < region.left + region.width)
            weights[static_cast<size_t>(y) * width + x] = weight;
        }
      }
    }
  };
  paint(regions.interest, 1);
  paint(regions.ignored, 0);
  return weights;
}

}  // namespace m3
