// Reads a JPEG or PNG file into RGB bytes, as stored: no EXIF turning, no colour profile; grey
// becomes RGB, alpha is dropped. libjpeg-turbo and libpng by themselves: unlike OpenCV's wrapping
// of them they refuse a file that was cut off, tell the size before anything is allocated, and
// print nothing. Threads: a free function, safe from any thread.
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

// Throws kNotFound, kCorrupt (cut off, damaged), kUnsupported (another format, CMYK, more than
// 16384 pixels a side).
Image read_image(const std::string& path);

}  // namespace m3
