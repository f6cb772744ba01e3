#include "core/frame.h"

#include <string>

#include "core/error.h"

namespace m3 {
namespace {

constexpr int kMaxSidePx = 16384;

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::kInvalidArgument, "Frame: " + text);
}

void check_plane(const Plane& plane, int number, int row_bytes) {
  if (plane.data == nullptr) refuse("plane " + std::to_string(number) + " is missing");
  if (plane.stride_bytes < row_bytes) {
    refuse("plane " + std::to_string(number) + " has a stride of " +
           std::to_string(plane.stride_bytes) + " bytes, its rows have " +
           std::to_string(row_bytes));
  }
}

}  // namespace

void check(const FrameView& frame) {
  const int width = frame.width_px;
  const int height = frame.height_px;
  if (width < 1 || height < 1 || width > kMaxSidePx || height > kMaxSidePx) {
    refuse("a size of " + std::to_string(width) + "x" + std::to_string(height) + " is not in 1.." +
           std::to_string(kMaxSidePx) + " a side");
  }
  const int chroma_width = (width + 1) / 2;
  switch (frame.format) {
    case PixelFormat::kI420:
      check_plane(frame.planes[0], 0, width);
      check_plane(frame.planes[1], 1, chroma_width);
      check_plane(frame.planes[2], 2, chroma_width);
      break;
    case PixelFormat::kNv12:
      check_plane(frame.planes[0], 0, width);
      check_plane(frame.planes[1], 1, 2 * chroma_width);
      break;
    case PixelFormat::kRgb:
      check_plane(frame.planes[0], 0, 3 * width);
      break;
  }
  const Crop& crop = frame.crop;
  if (crop.width_px == 0) return;
  const bool inside = crop.x_px >= 0 && crop.y_px >= 0 && crop.width_px > 0 && crop.height_px > 0 &&
                      crop.width_px <= width - crop.x_px && crop.height_px <= height - crop.y_px;
  if (!inside) {
    refuse("a crop of " + std::to_string(crop.width_px) + "x" + std::to_string(crop.height_px) +
           " at " + std::to_string(crop.x_px) + "," + std::to_string(crop.y_px) +
           " does not lie in " + std::to_string(width) + "x" + std::to_string(height));
  }
}

Crop crop_of(const FrameView& frame) noexcept {
  return frame.crop.width_px == 0 ? Crop{0, 0, frame.width_px, frame.height_px} : frame.crop;
}

}  // namespace m3
