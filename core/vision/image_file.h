// Reads a picture from a file into RGB bytes, as stored (no EXIF turning), with OpenCV's decoders.
// Threads: a free function, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/frame.h"

namespace m3 {

struct Image {
  int width_px = 0;
  int height_px = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3]

  FrameView view() const;
};

// Throws kNotFound, or kCorrupt when no decoder takes it.
Image read_image(const std::string& path);

}  // namespace m3
