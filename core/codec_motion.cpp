#include "core/codec_motion.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace m3 {
namespace {

constexpr int kSquare = 8;      // pixels, the unit in which predicted area is counted
constexpr int kFarthest = 256;  // frames; no codec reaches as far

int divide_up(int value, int by) { return (value + by - 1) / by; }

template <typename Integer>
Integer to_units(float pixels) {
  const float units = std::round(pixels * MotionCell::kUnitsPerPixel);
  return static_cast<Integer>(std::clamp(units, float{std::numeric_limits<Integer>::min()},
                                         float{std::numeric_limits<Integer>::max()}));
}

}  // namespace

const char* to_string(PictureType type) noexcept {
  switch (type) {
    case PictureType::kIntra:
      return "I";
    case PictureType::kPredicted:
      return "P";
    case PictureType::kBidirectional:
      return "B";
    case PictureType::kUnknown:
      break;
  }
  return "unknown";
}

ReferenceDistance ReferenceOrder::next(PictureType type) {
  if (since_reference_ > 0) since_reference_ = std::min(since_reference_ + 1, kFarthest);
  const int earlier = std::max(since_reference_ - 1, 1);
  ReferenceDistance distance{earlier, std::max(between_references_ - earlier, 1)};
  if (type != PictureType::kBidirectional) {
    if (since_reference_ > 0) between_references_ = earlier;
    since_reference_ = 1;
  }
  return distance;
}

void MotionGrid::begin(int width_px, int height_px, ReferenceDistance distance) {
  assert(width_px > 0 && height_px > 0 && distance.earlier > 0 && distance.later > 0);
  if (width_px != width_px_ || height_px != height_px_) {
    width_px_ = width_px;
    height_px_ = height_px;
    cell_px_ = 0;
    do {
      cell_px_ += CodecMotion::kMacroblock;
      columns_ = divide_up(width_px, cell_px_);
      rows_ = divide_up(height_px, cell_px_);
    } while (columns_ * rows_ > CodecMotion::kMaxCells);
    squares_in_row_ = columns_ * cell_px_ / kSquare;
    squares_in_column_ = rows_ * cell_px_ / kSquare;
  }
  sums_.assign(static_cast<size_t>(columns_) * rows_, Sum());
  covered_.assign(static_cast<size_t>(squares_in_row_) * squares_in_column_, 0);
  // A block that was predicted from an earlier picture has come from there; what it is in a later
  // one it will become.
  earlier_scale_ = -1.0f / static_cast<float>(distance.earlier);
  later_scale_ = 1.0f / static_cast<float>(distance.later);
}

void MotionGrid::add(const MotionBlock& block) {
  if (block.x_px < 0 || block.y_px < 0 || block.x_px >= width_px_ || block.y_px >= height_px_) {
    return;
  }
  const auto area = static_cast<float>(block.width_px * block.height_px);
  const float scale = block.from_later ? later_scale_ : earlier_scale_;
  const float dx = block.dx_px * scale;
  const float dy = block.dy_px * scale;
  Sum& sum = sums_[(block.y_px / cell_px_) * columns_ + block.x_px / cell_px_];
  sum.area += area;
  sum.dx += dx * area;
  sum.dy += dy * area;
  sum.length += std::sqrt(dx * dx + dy * dy) * area;

  const int left = (block.x_px - block.width_px / 2) / kSquare;
  const int top = (block.y_px - block.height_px / 2) / kSquare;
  const int right = std::min(left + divide_up(block.width_px, kSquare), squares_in_row_);
  const int bottom = std::min(top + divide_up(block.height_px, kSquare), squares_in_column_);
  for (int y = std::max(top, 0); y < bottom; ++y) {
    for (int x = std::max(left, 0); x < right; ++x) {
      covered_[static_cast<size_t>(y) * squares_in_row_ + x] = 1;
    }
  }
}

void MotionGrid::finish(CodecMotion& motion) {
  motion.has_vectors = true;
  motion.width_px = width_px_;
  motion.height_px = height_px_;
  motion.cell_px = cell_px_;
  motion.columns = columns_;
  motion.rows = rows_;
  // Of the macroblocks that the picture has: the last row and column of cells may hold fewer.
  const int side = cell_px_ / kSquare;
  const int picture_wide = divide_up(width_px_, CodecMotion::kMacroblock) * 2;
  const int picture_high = divide_up(height_px_, CodecMotion::kMacroblock) * 2;
  for (int row = 0; row < rows_; ++row) {
    for (int column = 0; column < columns_; ++column) {
      const Sum& sum = sums_[static_cast<size_t>(row) * columns_ + column];
      MotionCell& cell = motion.cells[row * columns_ + column];
      cell = {};
      if (sum.area == 0) continue;
      cell.dx = to_units<int16_t>(sum.dx / sum.area);
      cell.dy = to_units<int16_t>(sum.dy / sum.area);
      cell.speed = to_units<uint16_t>(sum.length / sum.area);
      const int right = std::min((column + 1) * side, picture_wide);
      const int bottom = std::min((row + 1) * side, picture_high);
      int covered = 0;
      for (int y = row * side; y < bottom; ++y) {
        for (int x = column * side; x < right; ++x) {
          covered += covered_[static_cast<size_t>(y) * squares_in_row_ + x];
        }
      }
      const int squares = (right - column * side) * (bottom - row * side);
      cell.predicted = static_cast<uint8_t>(covered * 255 / squares);
    }
  }
}

}  // namespace m3
