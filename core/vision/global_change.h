// GlobalChange: what happened to a picture as a whole against a reference: light that rose or fell,
// and a camera that moved. Things that move in the picture do not bend it while they cover less
// than about half of it. Threads: not safe; one stream owns it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace m3 {

// now(x, y) = gain * reference(x + jump_x + dx, y + jump_y + dy) + offset.
struct GlobalChange {
  float gain = 1;    // 0.5..2
  float offset = 0;  // levels of luma
  float dx_px = 0;   // what the whole pixels of the jump leave, -1..1
  float dy_px = 0;
  int jump_x_px = 0;  // at most a quarter of the picture
  int jump_y_px = 0;
  float outside = 0;  // share of the picture that differs from this by more than noise, 0..1
  // Mean square of what noise does not explain, each at most 24 levels of luma.
  float misfit = 0;
  // Light that differs from row to row (lamps beat with a rolling shutter): to be added to
  // `offset`, one for each row of `now`, levels of luma. nullptr: none. Belongs to the finder,
  // valid until its next find().
  const float* row_light = nullptr;
};

class GlobalChangeFinder {
 public:
  // Both pictures have width x height pixels, row-major without gaps. tolerance: a distance that
  // noise explains, levels of luma. before: that of the frame before, where the search begins.
  GlobalChange find(const float* now, const float* reference, int width, int height,
                    float tolerance, const GlobalChange& before);

 private:
  struct Sample {
    float now, reference, slope_x, slope_y;
  };

  GlobalChange fit(int jump_x_px, int jump_y_px, float tolerance);
  // From the samples that were taken; only the jump of `change` counts. reaches: see the .cpp.
  GlobalChange fit(GlobalChange change, std::span<const float> reaches, float tolerance);
  void take_samples(int jump_x_px, int jump_y_px);
  void find_row_light(GlobalChange* change, float tolerance);
  void search(int* jump_x_px, int* jump_y_px);
  float distance(const float* a, const float* b, int width, int height, int jump_x, int jump_y,
                 int step, float offset) const;
  template <class Value>
  float typical(Value value);  // the median over the samples

  const float* now_ = nullptr;  // borrowed during find()
  const float* reference_ = nullptr;
  int width_ = 0;
  int height_ = 0;
  std::vector<Sample> samples_;
  std::vector<size_t> sample_rows_;  // where each row of samples begins, and the end
  std::vector<float> bands_, row_light_;
  std::vector<float> values_;  // scratch
  std::vector<float> coarse_now_, coarse_reference_;
};

}  // namespace m3
