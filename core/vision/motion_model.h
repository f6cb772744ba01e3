// MotionModel: what one camera usually shows, and which part of the picture moves against it.
// Everything is kept in the coordinates and the light of one reference picture; each frame is
// carried there by its GlobalChange first. Threads: not safe; one stream owns it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/activity.h"
#include "core/vision/global_change.h"

namespace m3 {

class MotionModel {
 public:
  // Forgets everything; `now` is all that is known. Rows of `width` pixels without gaps, luma
  // 0..255.
  void start(const float* now, int width, int height);

  // The picture of the ground, things that move through taken out. Frames are to be fitted against
  // it.
  const float* ground() const { return slow_.data(); }

  // The part of the picture that moves, 0..1, in a frame that lies `change` away from the ground,
  // `dt` seconds after the one measured before it and `step` seconds after the frame before it.
  double measure(const float* now, const GlobalChange& change, double dt, double step);
  double measure(const float* now, const GlobalChange& change, double dt) {
    return measure(now, change, dt, dt);
  }

  // More than half of it moves where a pixel counts in full.
  bool mostly_in_full() const { return full_ * 2 > counted_; }
  // Where it moves, in blocks of the frame; what counts nothing is left out.
  Heat heat() const;

  // What each pixel of a frame counts in measure(), 0..1; empty: all the same. Kept until the next
  // call.
  void set_weights(std::vector<float> weights);

  // measure() took the frame's own light and place for the reference; the next frame's change
  // starts from none.
  bool adopted() const { return adopted_; }

  // Mean deviation that single small pixels show at rest, levels of luma; the median over the
  // picture.
  float rest_level() const { return rest_level_; }

 private:
  // Mean of the frames of one short stretch of time.
  struct Recent {
    std::vector<float> mean;
    double end_s = 0;
  };

  void compare(const float* now, const GlobalChange& change, const float* recent);
  void judge(const GlobalChange& change, double dt);
  double moving_share(bool persistent, std::ptrdiff_t shift);
  size_t block_of(size_t pixel) const;  // of a frame
  void adopt(const GlobalChange& change);
  void measure_rest();

  int width_ = 0;
  int height_ = 0;
  double now_s_ = 0;
  // Pixels whose comparison is valid: the frame covers them, and neighbours exist.
  int x0_ = 0, x1_ = 0, y0_ = 0, y1_ = 0;

  std::vector<float> slow_;      // the ground: follows over seconds
  Recent recent_[2];             // the last two finished stretches, newest first
  std::vector<float> gathered_;  // sum of the frames of the stretch that runs
  int gathered_frames_ = 0;
  double gathered_from_s_ = 0;
  std::vector<float> spread_;  // mean deviation of each pixel from the recent past, learned
  std::vector<float> off_slow_, off_recent_;    // this frame less the past, pixel by pixel
  std::vector<float> shifted_;                  // how much of it the shift took out
  std::vector<float> calm_slow_, calm_recent_;  // the same, each the mean of 3x3 pixels
  std::vector<float> excess_,
      last_excess_;                    // how far beyond its limit a pixel moves; levels of luma
  std::vector<float> rows_, samples_;  // scratch
  float rest_level_ = 0;
  std::vector<float> weights_;
  double weight_ = 0;                                                  // sum of weights_
  double counted_ = 0;                                                 // weights of what moves
  double full_ = 0;                                                    // of that: where they are 1
  std::array<uint32_t, kSignatureColumns * kSignatureRows> moving_{};  // pixels of each block
  bool adopted_ = false;
};

}  // namespace m3
