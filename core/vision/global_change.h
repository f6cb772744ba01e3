// global_change: what happened to a picture as a whole against a reference: light that rose or
// fell, and a shift of the camera. Things that moved in the picture do not bend it while they cover
// less than about half of it. Threads: not safe; one stream owns it.
#pragma once

#include <cstdint>
#include <vector>

namespace m3 {

// now(x, y) = gain * reference(x, y) + offset, taken at (x + dx, y + dy).
struct GlobalChange {
  float gain = 1;
  float offset = 0;  // levels of luma
  float dx_px = 0;   // of the small picture, within +-1
  float dy_px = 0;
  float misfit =
      0;  // mean distance between picture and prediction, large ones clipped; levels of luma
};

class GlobalChangeFinder {
 public:
  // Both pictures have width x height pixels, row-major. tolerance: distance that noise explains,
  // levels of luma.
  GlobalChange find(const float* now, const float* reference, int width, int height,
                    float tolerance);

  // Whole pixels by which `now` is shifted against `reference` (now(x) = reference(x + dx)), up to
  // a quarter of the picture; 0, 0 when nothing better is found. Costs more than find(); allocates.
  void find_jump(const float* now, const float* reference, int width, int height, int* dx, int* dy);

 private:
  struct Sample {
    float now, reference, gradient_x, gradient_y, weight;
  };
  std::vector<Sample> samples_;
  std::vector<float> sizes_;
};

}  // namespace m3
