#include "core/vision/global_change.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace m3 {
namespace {

constexpr int kStepPx = 4;  // between samples
constexpr int kRounds = 3;
constexpr int kUnknowns = 4;
constexpr float kMostGain = 2;
constexpr float kMostShiftPx = 1;

using Normal = std::array<std::array<double, kUnknowns + 1>, kUnknowns>;

std::array<double, kUnknowns> solve(Normal m) {
  for (int i = 0; i < kUnknowns; ++i) {
    for (int r = i + 1; r < kUnknowns; ++r) {
      const double f = m[r][i] / m[i][i];
      for (int c = i; c <= kUnknowns; ++c) m[r][c] -= f * m[i][c];
    }
  }
  std::array<double, kUnknowns> x{};
  for (int i = kUnknowns - 1; i >= 0; --i) {
    double rest = m[i][kUnknowns];
    for (int c = i + 1; c < kUnknowns; ++c) rest -= m[i][c] * x[c];
    x[i] = rest / m[i][i];
  }
  return x;
}

}  // namespace

GlobalChange GlobalChangeFinder::find(const float* now, const float* reference, int width,
                                      int height, float tolerance) {
  samples_.clear();
  for (int y = 1 + kStepPx / 2; y + 1 < height; y += kStepPx) {
    for (int x = 1 + kStepPx / 2; x + 1 < width; x += kStepPx) {
      const int i = y * width + x;
      samples_.push_back({now[i], reference[i], (reference[i + 1] - reference[i - 1]) / 2,
                          (reference[i + width] - reference[i - width]) / 2, 1});
    }
  }
  GlobalChange change;
  if (samples_.size() < 8) return change;
  double mean = 0;
  for (const Sample& s : samples_) mean += s.reference;
  mean /= static_cast<double>(samples_.size());

  // The typical difference first, so that the first round already tells the ground from what moved
  // over it.
  const auto typical = [&](auto distance) {
    sizes_.clear();
    for (const Sample& s : samples_) sizes_.push_back(distance(s));
    const auto middle = sizes_.begin() + static_cast<ptrdiff_t>(sizes_.size() / 2);
    std::nth_element(sizes_.begin(), middle, sizes_.end());
    return *middle;
  };
  change.offset = typical([](const Sample& s) { return s.now - s.reference; });
  const auto residual = [&](const Sample& s) {
    return s.now - change.gain * s.reference - change.offset - change.dx_px * s.gradient_x -
           change.dy_px * s.gradient_y;
  };
  for (int round = 0; round < kRounds; ++round) {
    const float spread = std::max(
        tolerance, 1.4826F * typical([&](const Sample& s) { return std::abs(residual(s)); }));
    Normal m{};
    const float reach = 4.7F * spread;
    for (const Sample& s : samples_) {
      const float u = residual(s) / reach;
      if (u * u >= 1) continue;
      const double w = (1 - u * u) * (1 - u * u);
      const std::array<double, kUnknowns> row = {1, s.reference - mean, s.gradient_x, s.gradient_y};
      const double difference = s.now - s.reference;
      for (int r = 0; r < kUnknowns; ++r) {
        const double wr = w * row[r];
        for (int c = r; c < kUnknowns; ++c) m[r][c] += wr * row[c];
        m[r][kUnknowns] += wr * difference;
      }
    }
    // A little weight on "nothing changed" decides what a flat picture leaves open.
    const std::array<double, kUnknowns> calm = {1e-2, 20, 20, 20};
    for (int r = 0; r < kUnknowns; ++r) {
      m[r][r] += calm[r];
      for (int c = 0; c < r; ++c) m[r][c] = m[c][r];
    }
    const auto x = solve(m);
    change.gain = std::clamp(static_cast<float>(1 + x[1]), 1 / kMostGain, kMostGain);
    change.offset = static_cast<float>(x[0] - (change.gain - 1) * mean);
    change.dx_px = std::clamp(static_cast<float>(x[2]), -kMostShiftPx, kMostShiftPx);
    change.dy_px = std::clamp(static_cast<float>(x[3]), -kMostShiftPx, kMostShiftPx);
  }
  double sum = 0;
  const float clip = 4 * tolerance;
  for (const Sample& s : samples_) sum += std::min(clip, std::abs(residual(s)));
  change.misfit = static_cast<float>(sum / static_cast<double>(samples_.size()));
  return change;
}

void GlobalChangeFinder::find_jump(const float* now, const float* reference, int width, int height,
                                   int* dx, int* dy) {
  // OpenCV only reads these.
  const cv::Mat a(height, width, CV_32F, const_cast<float*>(now));
  const cv::Mat b(height, width, CV_32F, const_cast<float*>(reference));
  cv::Mat small_a;
  cv::Mat small_b;
  cv::Mat window;
  const cv::Size half(std::max(2, width / 2), std::max(2, height / 2));
  cv::resize(a, small_a, half, 0, 0, cv::INTER_AREA);
  cv::resize(b, small_b, half, 0, 0, cv::INTER_AREA);
  cv::createHanningWindow(window, half, CV_32F);
  const cv::Point2d shift = cv::phaseCorrelate(small_a, small_b, window);
  *dx = static_cast<int>(std::lround(shift.x * 2));
  *dy = static_cast<int>(std::lround(shift.y * 2));
  if (std::abs(*dx) > width / 4 || std::abs(*dy) > height / 4) *dx = *dy = 0;
}

}  // namespace m3
