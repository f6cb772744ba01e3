#include "core/picture_change.h"

#include <algorithm>
#include <cmath>

namespace m3 {
namespace {

constexpr int kBlocks = kSignatureColumns * kSignatureRows;
constexpr int kUnknowns =
    5;  // offset, gain, shift in x, shift in y, and slope of light from left to right
constexpr int kRounds = 4;

// A block counts as changed from this many levels of luma on; a person of 12x30 pixels in a 720p
// picture covers a fifth of one block and stands out by some tens of levels.
constexpr double kFloor = 5;
// The mean of a block hardly carries noise; compressed video carries more of it than its spectrum
// says.
constexpr double kNoiseShare = 0.4;
// Part of the step to the neighbour blocks that a wobbling camera leaves behind after the shift is
// taken out.
constexpr double kEdgeShare = 0.12;

struct Fit {
  std::array<double, kUnknowns> x{};
};

using Row = std::array<double, kUnknowns>;

// Solves the normal equations in place. Columns that carry nothing (a flat picture) get 0.
Fit solve(std::array<std::array<double, kUnknowns + 1>, kUnknowns> m) {
  for (int i = 0; i < kUnknowns; ++i) {
    m[i][i] += 1e-3 * (1 + m[i][i]);  // keeps a flat picture from dividing by nothing
    for (int r = i + 1; r < kUnknowns; ++r) {
      const double f = m[r][i] / m[i][i];
      for (int c = i; c <= kUnknowns; ++c) m[r][c] -= f * m[i][c];
    }
  }
  Fit fit;
  for (int i = kUnknowns - 1; i >= 0; --i) {
    double rest = m[i][kUnknowns];
    for (int c = i + 1; c < kUnknowns; ++c) rest -= m[i][c] * fit.x[c];
    fit.x[i] = rest / m[i][i];
  }
  return fit;
}

}  // namespace

double picture_change(const Signature& before, const Signature& now, double noise) {
  static_assert(kSignatureColumns > 2 && kSignatureRows > 2);
  std::array<Row, kBlocks> rows;
  std::array<double, kBlocks> difference;
  std::array<double, kBlocks> step;  // the largest step from a block to its neighbours
  double mean = 0;
  for (const uint8_t v : before) mean += v;
  mean /= kBlocks;
  for (int y = 0; y < kSignatureRows; ++y) {
    for (int x = 0; x < kSignatureColumns; ++x) {
      const int i = y * kSignatureColumns + x;
      const double left = before[x > 0 ? i - 1 : i];
      const double right = before[x + 1 < kSignatureColumns ? i + 1 : i];
      const double up = before[y > 0 ? i - kSignatureColumns : i];
      const double down = before[y + 1 < kSignatureRows ? i + kSignatureColumns : i];
      const double here = before[i];
      rows[i] = {1, (here - mean) / 32, (right - left) / 2, (down - up) / 2,
                 (x - (kSignatureColumns - 1) / 2.0) / kSignatureColumns};
      difference[i] = now[i] - here;
      step[i] = std::max({std::abs(right - here), std::abs(left - here), std::abs(up - here),
                          std::abs(down - here)});
    }
  }
  // Iteratively reweighted least squares: what changed must not bend the fit of light and shift.
  std::array<double, kBlocks> weight;
  weight.fill(1);
  std::array<double, kBlocks> residual = difference;
  double scale = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::array<std::array<double, kUnknowns + 1>, kUnknowns> m{};
    for (int i = 0; i < kBlocks; ++i) {
      for (int r = 0; r < kUnknowns; ++r) {
        for (int c = 0; c < kUnknowns; ++c) m[r][c] += weight[i] * rows[i][r] * rows[i][c];
        m[r][kUnknowns] += weight[i] * rows[i][r] * difference[i];
      }
    }
    const Fit fit = solve(m);
    std::array<double, kBlocks> size;
    for (int i = 0; i < kBlocks; ++i) {
      double value = 0;
      for (int c = 0; c < kUnknowns; ++c) value += fit.x[c] * rows[i][c];
      residual[i] = difference[i] - value;
      size[i] = std::abs(residual[i]);
    }
    std::nth_element(size.begin(), size.begin() + kBlocks / 2, size.end());
    scale = std::max(0.5, 1.4826 * size[kBlocks / 2]);
    for (int i = 0; i < kBlocks; ++i) {  // Tukey's biweight
      const double u = residual[i] / (4.685 * scale);
      weight[i] = std::abs(u) < 1 ? (1 - u * u) * (1 - u * u) : 0;
    }
  }
  double most = 0;
  for (int i = 0; i < kBlocks; ++i) {
    const double allowed = kFloor + kNoiseShare * noise + 2 * scale + kEdgeShare * step[i];
    most = std::max(most, std::abs(residual[i]) / allowed);
  }
  return most;
}

}  // namespace m3
