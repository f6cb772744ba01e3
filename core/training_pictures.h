// TrainingPictures: the pictures that a model learns from, by number. Whoever has them says how a
// picture is made; the trainer asks for it once and keeps what the vision tower saw in it. Threads:
// used from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/export.h"

namespace m3 {

struct RgbPicture {
  int width_px = 0;          // 1..16384
  int height_px = 0;         // 1..16384
  std::vector<uint8_t> rgb;  // [height, width, 3]
};

class M3_API TrainingPictures {
 public:
  virtual ~TrainingPictures();
  virtual size_t size() const = 0;
  // A name that stays as long as the picture's pixels do, and changes with them: what the tower saw
  // is kept under it on disk. i < size().
  virtual std::string key(size_t i) const = 0;
  // Throws Error, naming the file, for a picture that cannot be read. i < size().
  virtual RgbPicture load(size_t i) const = 0;
};

}  // namespace m3
