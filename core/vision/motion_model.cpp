#include "core/vision/motion_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <utility>

namespace m3 {
namespace {

// How fast what is learned follows, seconds.
constexpr double kGroundSeconds = 6;
constexpr double kCoveredSeconds = 20;  // where something stands before the ground
constexpr double kSpreadUpSeconds = 2;
constexpr double kSpreadDownSeconds = 8;
constexpr double kRecentSeconds = 0.2;  // length of a stretch of the recent past, and its least age

// A pixel (mean of 3x3) moves when it is this far from the ground and from the recent past: levels
// of luma that never count, and mean deviations at rest.
constexpr float kFloor = 3.5F;
// The part of what a shift by less than a pixel explains that may be wrong: edges are sharper than
// a straight line between two pixels.
constexpr float kSlack = 0.5F;
constexpr float kSpreads = 5;
constexpr float kFirstSpread = 1;
constexpr float kSpreadStep = 0.5F;  // lets a spread of zero grow
// What moves is seen at the same place in two frames if they are closer than this; a rain drop is
// not.
constexpr double kPersistSeconds = 0.13;
constexpr int kNeighbours =
    5;  // of 3x3 pixels that move, with the middle one; single pixels are noise

// Light and position of the reference are given up for the present ones beyond these.
constexpr float kMostGainStep = 0.2F;
constexpr float kMostOffset = 16;
constexpr int kMostJumpPx = 8;

// Loops run in lumps of this many pixels, a number that compilers turn into vectors.
constexpr int kLump = 16;

float share(double dt, double seconds) { return static_cast<float>(1 - std::exp(-dt / seconds)); }

struct Light {
  float inverse_gain, offset, quarter_dx, quarter_dy;
};

// One row, a lump at a time and the rest pixel by pixel. Lump<kCount>::run(i) does kCount pixels
// from i on.
template <class Lump>
void run_row(int n, const Lump& lump) {
  int i = 0;
  for (; i + kLump <= n; i += kLump) lump.template run<kLump>(i);
  for (; i < n; ++i) lump.template run<1>(i);
}

// By value: std::min's references keep compilers from vectors.
inline float least(float a, float b) { return b < a ? b : a; }
inline float most(float a, float b) { return a < b ? b : a; }

// A row of now, carried to the ground's light and place, less the ground and less the recent past.
// The slope is taken half way between both pictures, which makes the error of the shift one of
// third order.
struct Compare {
  const float *now, *ground, *recent;
  std::ptrdiff_t width;
  Light light;
  float *off_ground, *off_recent, *shifted;

  template <int kCount>
  void run(int i) const {
    pixels<kCount>(now + i, ground + i, recent + i, width, light, off_ground + i, off_recent + i,
                   shifted + i);
  }
  template <int kCount>
  static void pixels(const float* __restrict now, const float* __restrict ground,
                     const float* __restrict recent, std::ptrdiff_t width, Light light,
                     float* __restrict off_ground, float* __restrict off_recent,
                     float* __restrict shifted) {
    const float* __restrict up = now - width;
    const float* __restrict down = now + width;
    const float* __restrict ground_up = ground - width;
    const float* __restrict ground_down = ground + width;
    for (int i = 0; i < kCount; ++i) {
      const float slope_x =
          ground[i + 1] - ground[i - 1] + (now[i + 1] - now[i - 1]) * light.inverse_gain;
      const float slope_y = ground_down[i] - ground_up[i] + (down[i] - up[i]) * light.inverse_gain;
      const float along_x = light.quarter_dx * slope_x;
      const float along_y = light.quarter_dy * slope_y;
      const float there = (now[i] - light.offset) * light.inverse_gain - along_x - along_y;
      off_ground[i] = there - ground[i];
      off_recent[i] = there - recent[i];
      shifted[i] = std::abs(along_x) + std::abs(along_y);
    }
  }
};

struct AddThree {
  const float *a, *b, *c;
  float scale;
  float* sum;

  template <int kCount>
  void run(int i) const {
    pixels<kCount>(a + i, b + i, c + i, scale, sum + i);
  }
  template <int kCount>
  static void pixels(const float* __restrict a, const float* __restrict b,
                     const float* __restrict c, float scale, float* __restrict sum) {
    for (int i = 0; i < kCount; ++i) sum[i] = (a[i] + b[i] + c[i]) * scale;
  }
};

// Decides how far beyond its limit each pixel moves, and learns from it.
struct Judge {
  // Shares of the way that what is learned goes in this frame.
  struct Pace {
    float gain, up, down, ground, covered;
  };
  const float *calm_ground, *calm_recent, *off_ground, *shifted;
  Pace pace;
  float *spread, *excess, *ground, *gathered;

  template <int kCount>
  void run(int i) const {
    pixels<kCount>(calm_ground + i, calm_recent + i, off_ground + i, shifted + i, pace, spread + i,
                   excess + i, ground + i, gathered + i);
  }
  template <int kCount>
  static void pixels(const float* __restrict calm_ground, const float* __restrict calm_recent,
                     const float* __restrict off_ground, const float* __restrict shifted, Pace pace,
                     float* __restrict spread, float* __restrict excess, float* __restrict ground,
                     float* __restrict gathered) {
    for (int i = 0; i < kCount; ++i) {
      const float from_ground = std::abs(calm_ground[i]) * pace.gain;
      const float from_recent = std::abs(calm_recent[i]) * pace.gain;
      const float limit = kFloor + kSpreads * spread[i] + kSlack * shifted[i];
      excess[i] = least(from_ground, from_recent) - limit;
      // What passes once moves the spread little, what keeps on fluctuating doubles it again and
      // again.
      const float step = least(from_recent, 3 * spread[i] + kSpreadStep) - spread[i];
      spread[i] += most(step, 0) * pace.up + least(step, 0) * pace.down;
      gathered[i] += ground[i] + off_ground[i];
      ground[i] += (from_ground > limit ? pace.covered : pace.ground) * off_ground[i];
    }
  }
};

void carry(std::vector<float>& picture, std::vector<float>& scratch, int width, int height,
           const GlobalChange& change, float frames) {
  for (int y = 0; y < height; ++y) {
    const int from_y = std::clamp(y + change.jump_y_px, 0, height - 1);
    const float* from = picture.data() + static_cast<size_t>(from_y) * width;
    float* to = scratch.data() + static_cast<size_t>(y) * width;
    for (int x = 0; x < width; ++x) {
      to[x] = change.gain * from[std::clamp(x + change.jump_x_px, 0, width - 1)] +
              change.offset * frames;
    }
  }
  picture.swap(scratch);
}

}  // namespace

void MotionModel::start(const float* now, int width, int height) {
  const auto n = static_cast<size_t>(width) * height;
  width_ = width;
  height_ = height;
  slow_.assign(now, now + n);
  for (Recent& recent : recent_) {
    recent.mean.assign(now, now + n);
    recent.end_s = now_s_;
  }
  gathered_.assign(n, 0);
  gathered_frames_ = 0;
  gathered_from_s_ = now_s_;
  spread_.assign(n, kFirstSpread);
  for (auto* plane : {&off_slow_, &off_recent_, &calm_slow_, &calm_recent_, &shifted_, &rows_})
    plane->assign(n, 0);
  for (auto* plane : {&excess_, &last_excess_}) plane->assign(n, -kFloor);
  rest_level_ = kFirstSpread;
}

double MotionModel::measure(const float* now, const GlobalChange& change, double dt, double step) {
  now_s_ += dt;
  const Recent& recent =
      now_s_ - recent_[0].end_s >= kRecentSeconds - 1e-6 ? recent_[0] : recent_[1];
  x0_ = 2 + std::max(0, change.jump_x_px);
  x1_ = width_ - 2 + std::min(0, change.jump_x_px);
  y0_ = 2 + std::max(0, change.jump_y_px);
  y1_ = height_ - 2 + std::min(0, change.jump_y_px);
  compare(now, change, recent.mean.data());
  std::swap(excess_, last_excess_);
  judge(change, dt);
  const double share =
      moving_share(step < kPersistSeconds,
                   static_cast<std::ptrdiff_t>(change.jump_y_px) * width_ + change.jump_x_px);
  adopted_ = std::abs(change.gain - 1) > kMostGainStep || std::abs(change.offset) > kMostOffset ||
             std::abs(change.jump_x_px) > kMostJumpPx || std::abs(change.jump_y_px) > kMostJumpPx;
  if (adopted_) adopt(change);
  measure_rest();
  return share;
}

// now(x) lies at ground(x + jump), so ground pixel i is compared with now pixel i - jump.
void MotionModel::compare(const float* now, const GlobalChange& change, const float* recent) {
  Light light{1 / change.gain, change.offset, change.dx_px / 4, change.dy_px / 4};
  const std::ptrdiff_t shift =
      static_cast<std::ptrdiff_t>(change.jump_y_px) * width_ + change.jump_x_px;
  const int first = x0_ - 1;
  const int n = x1_ - x0_ + 2;
  for (int y = y0_ - 1; y < y1_ + 1; ++y) {
    const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * width_ + first;
    if (change.row_light != nullptr)
      light.offset = change.offset + change.row_light[y - change.jump_y_px];
    run_row(n, Compare{now + (i - shift), slow_.data() + i, recent + i, width_, light,
                       off_slow_.data() + i, off_recent_.data() + i, shifted_.data() + i});
  }
  for (const auto& [off, calm] :
       {std::pair{&off_slow_, &calm_slow_}, std::pair{&off_recent_, &calm_recent_}}) {
    for (int y = y0_ - 1; y < y1_ + 1; ++y) {
      const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * width_ + x0_;
      run_row(x1_ - x0_, AddThree{off->data() + i - 1, off->data() + i, off->data() + i + 1, 1,
                                  rows_.data() + i});
    }
    for (int y = y0_; y < y1_; ++y) {
      const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * width_ + x0_;
      run_row(x1_ - x0_, AddThree{rows_.data() + i - width_, rows_.data() + i,
                                  rows_.data() + i + width_, 1.0F / 9, calm->data() + i});
    }
  }
}

void MotionModel::judge(const GlobalChange& change, double dt) {
  const Judge::Pace pace{change.gain, share(dt, kSpreadUpSeconds), share(dt, kSpreadDownSeconds),
                         share(dt, kGroundSeconds), share(dt, kCoveredSeconds)};
  std::fill(excess_.begin(), excess_.end(), -kFloor);
  for (int y = y0_; y < y1_; ++y) {
    const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * width_ + x0_;
    run_row(x1_ - x0_, Judge{calm_slow_.data() + i, calm_recent_.data() + i, off_slow_.data() + i,
                             shifted_.data() + i, pace, spread_.data() + i, excess_.data() + i,
                             slow_.data() + i, gathered_.data() + i});
  }
  ++gathered_frames_;
  // The rim that this frame did not show keeps what was known.
  for (int y = 0; y < height_; ++y) {
    float* sums = gathered_.data() + static_cast<std::ptrdiff_t>(y) * width_;
    const float* ground = slow_.data() + static_cast<std::ptrdiff_t>(y) * width_;
    const bool shown = y >= y0_ && y < y1_;
    for (int x = 0; x < (shown ? x0_ : width_); ++x) sums[x] += ground[x];
    for (int x = shown ? x1_ : width_; x < width_; ++x) sums[x] += ground[x];
  }
  if (now_s_ - gathered_from_s_ < kRecentSeconds - 1e-6) return;
  std::swap(recent_[0], recent_[1]);
  const float scale = 1.0F / static_cast<float>(gathered_frames_);
  float* mean = recent_[0].mean.data();
  for (size_t i = 0; i < gathered_.size(); ++i) mean[i] = gathered_[i] * scale;
  recent_[0].end_s = now_s_;
  std::fill(gathered_.begin(), gathered_.end(), 0.0F);
  gathered_frames_ = 0;
  gathered_from_s_ = now_s_;
}

void MotionModel::set_weights(std::vector<float> weights) {
  weights_ = std::move(weights);
  weight_ = 0;
  for (const float weight : weights_) weight_ += weight;
}

size_t MotionModel::block_of(size_t pixel) const {
  const auto width = static_cast<size_t>(width_);
  const size_t column = pixel % width * kSignatureColumns / width;
  const size_t row = pixel / width * kSignatureRows / static_cast<size_t>(height_);
  return row * kSignatureColumns + column;
}

Heat MotionModel::heat() const {
  const double block = static_cast<double>(width_) * height_ / static_cast<double>(moving_.size());
  Heat heat{};
  for (size_t i = 0; i < heat.size(); ++i) {
    // A pixel that moves is seen, however large the block is.
    if (moving_[i] > 0) {
      heat[i] = static_cast<uint8_t>(std::clamp(std::lround(255 * moving_[i] / block), 1L, 255L));
    }
  }
  return heat;
}

// Pixel i of the ground is pixel i - shift of the frame.
double MotionModel::moving_share(bool persistent, std::ptrdiff_t shift) {
  const float* excess = excess_.data();
  const float* last = last_excess_.data();
  const auto moves = [&](std::ptrdiff_t i) {
    return excess[i] > 0 && (!persistent || last[i] > 0);
  };
  const bool weighted = weights_.size() == slow_.size();
  moving_.fill(0);
  full_ = 0;
  double pixels = 0;
  for (int y = y0_; y < y1_; ++y) {
    for (int x = x0_; x < x1_; ++x) {
      const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * width_ + x;
      if (!moves(i)) continue;
      int near = 0;
      for (const std::ptrdiff_t row : {i - width_, i, i + width_})
        near += moves(row - 1) + moves(row) + moves(row + 1);
      if (near < kNeighbours) continue;
      const auto at = static_cast<size_t>(i - shift);
      const double weight = weighted ? weights_[at] : 1;
      pixels += weight;
      if (weight >= 1) full_ += weight;
      if (weight > 0) ++moving_[block_of(at)];
    }
  }
  counted_ = pixels;
  const double all = weighted ? weight_ : static_cast<double>(width_) * height_;
  return all > 0 ? pixels / all : 0;
}

void MotionModel::adopt(const GlobalChange& change) {
  carry(slow_, rows_, width_, height_, change, 1);
  for (Recent& recent : recent_) carry(recent.mean, rows_, width_, height_, change, 1);
  carry(gathered_, rows_, width_, height_, change, static_cast<float>(gathered_frames_));
  GlobalChange shift;
  shift.jump_x_px = change.jump_x_px;
  shift.jump_y_px = change.jump_y_px;
  carry(spread_, rows_, width_, height_, shift, 0);
  carry(excess_, rows_, width_, height_, shift, 0);
}

void MotionModel::measure_rest() {
  constexpr size_t kStep = 23;  // every so many pixels are enough for a median
  samples_.clear();
  for (size_t i = kStep; i < spread_.size(); i += kStep) samples_.push_back(spread_[i]);
  if (samples_.empty()) return;
  const auto middle = samples_.begin() + static_cast<std::ptrdiff_t>(samples_.size() / 2);
  std::nth_element(samples_.begin(), middle, samples_.end());
  rest_level_ = *middle;
}

}  // namespace m3
