#include "core/vision/global_change.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <span>

#include "core/least_squares.h"

namespace m3 {
namespace {

constexpr int kStepPx = 4;  // between samples
// How far off a sample may be in each round of a fit, in reaches of the last one. The narrow fit is
// not bent by what moves in the picture; the wide one also finds a shift that puts most edges out
// of reach.
constexpr std::array<float, 3> kNarrow = {1, 1, 1};
constexpr std::array<float, 4> kWide = {8, 6, 5, 5};
constexpr float kTryWide = 0.004F;   // of the picture does not fit
constexpr float kMuchBetter = 0.8F;  // of the narrow fit's misfit, for the wide one to win
constexpr size_t kManySamples = 1000;
constexpr size_t kUnknowns = 4;  // offset, gain, shift in x and y
constexpr float kMostGain = 2;
constexpr float kMostShiftPx = 1;

// The shift is looked for again when it left the range of a linear fit, or when this much of the
// picture does not fit.
constexpr float kLinearPx = 0.6F;
constexpr float kSuspect = 0.2F;
// Bands of light are looked for when this much does not fit, and believed when most rows are off by
// half of what noise explains and when most of what did not fit then does.
constexpr float kUneven = 0.08F;
constexpr float kBanded = 0.5F;
constexpr float kExplained = 0.5F;
constexpr float kBetter = 0.75F;  // of the distance, that a jump must reach to be believed
constexpr int kCoarsePx = 4;      // the search begins on means of 4x4 pixels
constexpr int kReach = 5;         // in coarse pixels
constexpr int kLeastRest = 2;     // a picture must be this many times larger than a jump
constexpr float kClip = 24;       // levels of luma; beyond it a pixel is something else

void shrink(const float* in, int width, int height, std::vector<float>& out) {
  const int w = width / kCoarsePx;
  const int h = height / kCoarsePx;
  out.assign(static_cast<size_t>(w) * h, 0);
  for (int y = 0; y < h * kCoarsePx; ++y) {
    const float* row = in + static_cast<std::ptrdiff_t>(y) * width;
    float* sums = out.data() + static_cast<std::ptrdiff_t>(y / kCoarsePx) * w;
    for (int x = 0; x < w; ++x) {
      for (int i = 0; i < kCoarsePx; ++i)
        sums[x] += row[x * kCoarsePx + i] * (1.0F / (kCoarsePx * kCoarsePx));
    }
  }
}

}  // namespace

GlobalChange GlobalChangeFinder::find(const float* now, const float* reference, int width,
                                      int height, float tolerance, const GlobalChange& before) {
  now_ = now;
  reference_ = reference;
  width_ = width;
  height_ = height;
  int jump_x = before.jump_x_px;
  int jump_y = before.jump_y_px;
  GlobalChange best = fit(jump_x, jump_y, tolerance);
  if (best.outside > kUneven) find_row_light(&best, tolerance);
  if (best.row_light != nullptr) return best;
  if (best.outside > kSuspect) {
    search(&jump_x, &jump_y);
    if (jump_x != best.jump_x_px || jump_y != best.jump_y_px) {
      const GlobalChange other = fit(jump_x, jump_y, tolerance);
      if (other.outside < best.outside) best = other;
    }
  }
  for (int i = 0; i < 2 && std::max(std::abs(best.dx_px), std::abs(best.dy_px)) > kLinearPx; ++i) {
    const GlobalChange other =
        fit(best.jump_x_px + static_cast<int>(std::lround(best.dx_px)),
            best.jump_y_px + static_cast<int>(std::lround(best.dy_px)), tolerance);
    if (other.outside >= best.outside) break;
    best = other;
  }
  return best;
}

void GlobalChangeFinder::take_samples(int jump_x, int jump_y) {
  samples_.clear();
  sample_rows_.clear();
  const std::ptrdiff_t shift = static_cast<std::ptrdiff_t>(jump_y) * width_ + jump_x;
  const int x1 = width_ - 1 + std::min(0, jump_x);
  const int y1 = height_ - 1 + std::min(0, jump_y);
  for (int y = 1 + std::max(0, jump_y); y < y1; y += kStepPx) {
    sample_rows_.push_back(samples_.size());
    for (int x = 1 + std::max(0, jump_x); x < x1; x += kStepPx) {
      const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(y) * width_ + x;
      const float* r = reference_ + i;
      const float* n = now_ + (i - shift);
      samples_.push_back({*n, *r, (r[1] - r[-1] + n[1] - n[-1]) / 4,
                          (r[width_] - r[-width_] + n[width_] - n[-width_]) / 4});
    }
  }
  sample_rows_.push_back(samples_.size());
}

template <class Value>
float GlobalChangeFinder::typical(Value value) {
  values_.clear();
  // A third of many samples says as much; an odd step walks through all columns.
  const size_t step = samples_.size() < kManySamples ? 1 : 3;
  for (size_t i = 0; i < samples_.size(); i += step) values_.push_back(value(samples_[i]));
  const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(values_.size() / 2);
  std::nth_element(values_.begin(), middle, values_.end());
  return *middle;
}

// Iteratively reweighted least squares with Tukey's biweight.
GlobalChange GlobalChangeFinder::fit(int jump_x, int jump_y, float tolerance) {
  take_samples(jump_x, jump_y);
  GlobalChange change;
  change.jump_x_px = jump_x;
  change.jump_y_px = jump_y;
  if (samples_.size() < 8) return change;
  change = fit(change, kNarrow, tolerance);
  if (change.outside < kTryWide) return change;
  const GlobalChange wide = fit(change, kWide, tolerance);
  return wide.misfit < kMuchBetter * change.misfit ? wide : change;
}

GlobalChange GlobalChangeFinder::fit(GlobalChange change, std::span<const float> reaches,
                                     float tolerance) {
  change.gain = 1;
  change.dx_px = change.dy_px = 0;
  double mean = 0;
  for (const Sample& s : samples_) mean += s.reference;
  mean /= static_cast<double>(samples_.size());
  // The typical difference first, so that the first round already tells the ground from what stands
  // before it.
  change.offset = typical([](const Sample& s) { return s.now - s.reference; });
  const auto off = [&change](const Sample& s) {
    return s.now - change.gain * s.reference - change.offset - change.dx_px * s.slope_x -
           change.dy_px * s.slope_y;
  };
  for (const float reaches_here : reaches) {
    const float spread =
        std::max(tolerance, 1.4826F * typical([&](const Sample& s) { return std::abs(off(s)); }));
    const float reach = 4.685F * spread * reaches_here;
    LeastSquares<kUnknowns> fit;
    for (const Sample& s : samples_) {
      const float u = off(s) / reach;
      if (u * u >= 1) continue;
      const double weight = (1 - u * u) * (1 - u * u);
      const std::array<double, kUnknowns> row = {1, s.reference - mean, s.slope_x, s.slope_y};
      fit.add<double>(row, s.now - s.reference, weight);
    }
    // A little weight on "nothing changed" decides what a flat picture leaves open.
    constexpr std::array<double, kUnknowns> kCalm = {1e-2, 20, 20, 20};
    for (size_t i = 0; i < kUnknowns; ++i) fit.hold(i, kCalm[i]);
    const auto x = fit.solve();
    change.gain = std::clamp(static_cast<float>(1 + x[1]), 1 / kMostGain, kMostGain);
    change.offset = static_cast<float>(x[0] - (change.gain - 1) * mean);
    change.dx_px = std::clamp(static_cast<float>(x[2]), -kMostShiftPx, kMostShiftPx);
    change.dy_px = std::clamp(static_cast<float>(x[3]), -kMostShiftPx, kMostShiftPx);
  }
  int outside = 0;
  float misfit = 0;
  for (const Sample& s : samples_) {
    const float d = std::abs(off(s));
    outside += d > 4 * tolerance;
    const float unexplained = std::clamp(d - 2 * tolerance, 0.0F, kClip);
    misfit += unexplained * unexplained;
  }
  change.outside = static_cast<float>(outside) / static_cast<float>(samples_.size());
  change.misfit = misfit / static_cast<float>(samples_.size());
  return change;
}

void GlobalChangeFinder::find_row_light(GlobalChange* change, float tolerance) {
  const size_t rows = sample_rows_.size() - 1;
  if (rows < 3) return;
  const auto off = [change](const Sample& s) {
    return s.now - change->gain * s.reference - change->offset - change->dx_px * s.slope_x -
           change->dy_px * s.slope_y;
  };
  const auto middle_of = [](std::vector<float>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  };
  bands_.clear();
  for (size_t r = 0; r < rows; ++r) {
    values_.clear();
    for (size_t i = sample_rows_[r]; i < sample_rows_[r + 1]; ++i)
      values_.push_back(off(samples_[i]));
    bands_.push_back(middle_of(values_));
  }
  values_.clear();
  for (const float band : bands_) values_.push_back(std::abs(band));
  if (middle_of(values_) < kBanded * tolerance) return;
  int outside = 0;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = sample_rows_[r]; i < sample_rows_[r + 1]; ++i) {
      outside += std::abs(off(samples_[i]) - bands_[r]) > 4 * tolerance;
    }
  }
  const float share = static_cast<float>(outside) / static_cast<float>(samples_.size());
  if (share > kExplained * change->outside) return;
  change->outside = share;
  row_light_.resize(static_cast<size_t>(height_));
  const int first = 1 + std::max(0, change->jump_y_px) -
                    change->jump_y_px;  // row of `now` with the first samples
  for (int y = 0; y < height_; ++y) {
    const float at =
        std::clamp(static_cast<float>(y - first) / kStepPx, 0.0F, static_cast<float>(rows - 1));
    const auto r = std::min(static_cast<size_t>(at), rows - 2);
    const float part = at - static_cast<float>(r);
    row_light_[static_cast<size_t>(y)] = (1 - part) * bands_[r] + part * bands_[r + 1];
  }
  change->row_light = row_light_.data();
}

float GlobalChangeFinder::distance(const float* a, const float* b, int width, int height,
                                   int jump_x, int jump_y, int step, float offset) const {
  float sum = 0;
  int n = 0;
  const int x1 = width + std::min(0, jump_x);
  const int y1 = height + std::min(0, jump_y);
  for (int y = std::max(0, jump_y); y < y1; y += step) {
    const float* row_a = a + static_cast<std::ptrdiff_t>(y - jump_y) * width - jump_x;
    const float* row_b = b + static_cast<std::ptrdiff_t>(y) * width;
    for (int x = std::max(0, jump_x); x < x1; x += step, ++n) {
      sum += std::min(kClip, std::abs(row_a[x] - row_b[x] - offset));
    }
  }
  return n > 0 ? sum / static_cast<float>(n) : kClip;
}

// Coarse to fine around the jump that was known.
void GlobalChangeFinder::search(int* jump_x, int* jump_y) {
  const int w = width_ / kCoarsePx;
  const int h = height_ / kCoarsePx;
  const int most_x = std::min(kReach * kCoarsePx + std::abs(*jump_x), width_ / (2 * kLeastRest));
  const int most_y = std::min(kReach * kCoarsePx + std::abs(*jump_y), height_ / (2 * kLeastRest));
  const float offset = typical([](const Sample& s) { return s.now - s.reference; });
  shrink(now_, width_, height_, coarse_now_);
  shrink(reference_, width_, height_, coarse_reference_);
  const int middle_x = static_cast<int>(std::lround(static_cast<double>(*jump_x) / kCoarsePx));
  const int middle_y = static_cast<int>(std::lround(static_cast<double>(*jump_y) / kCoarsePx));
  int x = middle_x;
  int y = middle_y;
  const float here =
      distance(coarse_now_.data(), coarse_reference_.data(), w, h, middle_x, middle_y, 1, offset);
  float least = here;
  for (int dy = -kReach; dy <= kReach; ++dy) {
    for (int dx = -kReach; dx <= kReach; ++dx) {
      const int to_x = middle_x + dx;
      const int to_y = middle_y + dy;
      if (std::abs(to_x) * kCoarsePx > most_x || std::abs(to_y) * kCoarsePx > most_y) continue;
      const float d =
          distance(coarse_now_.data(), coarse_reference_.data(), w, h, to_x, to_y, 1, offset);
      if (d < least) {
        least = d;
        x = to_x;
        y = to_y;
      }
    }
  }
  int start_x = *jump_x;
  int start_y = *jump_y;
  if (least < kBetter * here) {
    start_x = x * kCoarsePx;
    start_y = y * kCoarsePx;
  }
  const float before =
      distance(now_, reference_, width_, height_, *jump_x, *jump_y, kStepPx, offset);
  least = before;
  for (int dy = -kCoarsePx + 1; dy < kCoarsePx; ++dy) {
    for (int dx = -kCoarsePx + 1; dx < kCoarsePx; ++dx) {
      const int to_x = start_x + dx;
      const int to_y = start_y + dy;
      if (std::abs(to_x) > most_x || std::abs(to_y) > most_y) continue;
      const float d = distance(now_, reference_, width_, height_, to_x, to_y, kStepPx, offset);
      if (d < std::min(least, kBetter * before)) {
        least = d;
        *jump_x = to_x;
        *jump_y = to_y;
      }
    }
  }
}

}  // namespace m3
