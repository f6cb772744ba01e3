#include "core/picture_change.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/least_squares.h"

namespace m3 {
namespace {

constexpr int kBlocks = kSignatureColumns * kSignatureRows;
constexpr size_t kUnknowns =
    5;  // offset, gain, shift in x, shift in y, and slope of light from left to right
constexpr int kRounds = 4;
constexpr float kLeastSpread = 0.5F;

// A block counts as changed from this many levels of luma on; a person of 12x30 pixels in a 720p
// picture covers a fifth of one block and stands out by some tens of levels.
constexpr double kFloor = 5;
// The mean of a block hardly carries noise; compressed video carries more of it than its spectrum
// says.
constexpr double kNoiseShare = 0.4;
// Part of the step to the neighbour blocks that a wobbling camera leaves behind after the shift is
// taken out.
constexpr double kEdgeShare = 0.12;

// In the fit: keeps a flat picture from dividing by nothing.
constexpr double kSteadying = 1e-3;

using Row = std::array<float, kUnknowns>;
}  // namespace

double picture_change(const Signature& before, const Signature& now, double noise) {
  static_assert(kSignatureColumns > 2 && kSignatureRows > 2);
  const double floor = kFloor + kNoiseShare * noise;
  std::array<float, kBlocks> difference{};
  double largest = 0;
  double mean = 0;
  for (int i = 0; i < kBlocks; ++i) {
    difference[i] = static_cast<float>(now[i] - before[i]);
    largest = std::max<double>(largest, std::abs(difference[i]));
    mean += before[i];
  }
  mean /= kBlocks;
  // Most frames of a camera at rest need no fit: it would only take away from a difference that is
  // too small as it is.
  if (largest < kFloor) return largest / floor;

  std::array<Row, kBlocks> rows{};
  std::array<float, kBlocks> step{};  // the largest step from a block to its neighbours
  for (int y = 0; y < kSignatureRows; ++y) {
    for (int x = 0; x < kSignatureColumns; ++x) {
      const int i = y * kSignatureColumns + x;
      const float here = before[i];
      const float left = before[x > 0 ? i - 1 : i];
      const float right = before[x + 1 < kSignatureColumns ? i + 1 : i];
      const float up = before[y > 0 ? i - kSignatureColumns : i];
      const float down = before[y + 1 < kSignatureRows ? i + kSignatureColumns : i];
      rows[i] = {1, (here - static_cast<float>(mean)) / 32, (right - left) / 2, (down - up) / 2,
                 static_cast<float>(x) / kSignatureColumns - 0.5F};
      step[i] = std::max({std::abs(right - here), std::abs(left - here), std::abs(up - here),
                          std::abs(down - here)});
    }
  }
  // Iteratively reweighted least squares: what changed must not bend the fit of light and shift.
  std::array<float, kBlocks> off = difference;  // what the fit leaves
  std::array<float, kBlocks> size{};
  float spread = 0;
  for (int round = 0; round <= kRounds; ++round) {
    for (int i = 0; i < kBlocks; ++i) size[i] = std::abs(off[i]);
    std::nth_element(size.begin(), size.begin() + kBlocks / 2, size.end());
    spread = std::max(kLeastSpread, 1.4826F * size[kBlocks / 2]);
    if (round == kRounds) break;
    const float reach = 4.685F * spread;  // Tukey's biweight
    LeastSquares<kUnknowns> fit;
    for (int i = 0; i < kBlocks; ++i) {
      const float u = off[i] / reach;
      if (u * u >= 1) continue;
      const float weight = (1 - u * u) * (1 - u * u);
      fit.add(rows[i], difference[i], weight);
    }
    const auto x = fit.solve(kSteadying);
    for (int i = 0; i < kBlocks; ++i) {
      float value = before[i];
      for (size_t c = 0; c < kUnknowns; ++c) value += static_cast<float>(x[c]) * rows[i][c];
      off[i] = static_cast<float>(now[i]) -
               std::clamp(value, 0.0F, 255.0F);  // light that is clipped is no change
    }
  }
  double most = spread / floor;  // everything changed: then nothing stands out
  for (int i = 0; i < kBlocks; ++i) {
    const double allowed = floor + 2 * spread + kEdgeShare * step[i];
    most = std::max(most, std::abs(off[i]) / allowed);
  }
  return most;
}

}  // namespace m3
