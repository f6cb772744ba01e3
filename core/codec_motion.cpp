#include "core/codec_motion.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

namespace m3 {
namespace {

constexpr int kFarthest = 256;  // frames; no codec reaches as far

// The quarters of its macroblock that a block covers, one bit each: 1 and 2 above, 4 and 8 below.
uint8_t quarters_of(const MotionBlock& block) {
  constexpr int kHalf = CodecMotion::kMacroblock / 2;
  uint8_t quarters = 0b1111;
  if (block.width_px <= kHalf) quarters &= block.x_px & kHalf ? 0b1010 : 0b0101;
  if (block.height_px <= kHalf) quarters &= block.y_px & kHalf ? 0b1100 : 0b0011;
  return quarters;
}

int divide_up(int value, int by) { return (value + by - 1) / by; }

template <typename Integer>
Integer to_units(float pixels) {
  const float units =
      std::clamp(pixels * MotionCell::kUnitsPerPixel, float{std::numeric_limits<Integer>::min()},
                 float{std::numeric_limits<Integer>::max()});
  return static_cast<Integer>(units < 0 ? units - 0.5f : units + 0.5f);  // to the nearest
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
  if (width_px != width_px_ || height_px != height_px_) resize(width_px, height_px);
  std::fill(sums_.begin(), sums_.end(), Sum());
  std::fill(covered_.begin(), covered_.end(), uint8_t{0});
  // A block that was predicted from an earlier picture has come from there; what it is in a later
  // one it will become.
  earlier_scale_ = -1.0f / static_cast<float>(distance.earlier);
  later_scale_ = 1.0f / static_cast<float>(distance.later);
}

void MotionGrid::resize(int width_px, int height_px) {
  width_px_ = width_px;
  height_px_ = height_px;
  cell_px_ = 0;
  do {
    cell_px_ += CodecMotion::kMacroblock;
    columns_ = divide_up(width_px, cell_px_);
    rows_ = divide_up(height_px, cell_px_);
  } while (columns_ * rows_ > CodecMotion::kMaxCells);
  const int side = cell_px_ / CodecMotion::kMacroblock;
  const auto wide = static_cast<size_t>(divide_up(width_px, CodecMotion::kMacroblock));
  const auto high = static_cast<size_t>(divide_up(height_px, CodecMotion::kMacroblock));
  column_of_.resize(wide);
  for (size_t x = 0; x < wide; ++x) column_of_[x] = static_cast<uint16_t>(x / side);
  first_of_row_.resize(high);
  for (size_t y = 0; y < high; ++y) first_of_row_[y] = static_cast<uint16_t>(y / side * columns_);
  sums_.resize(static_cast<size_t>(columns_) * rows_);
  covered_.resize(wide * high);
}

void MotionGrid::add(const MotionBlock& block) {
  if (block.x_px < 0 || block.y_px < 0 || block.x_px >= width_px_ || block.y_px >= height_px_) {
    return;
  }
  // The macroblock, and so the cell, that the block's middle lies in: blocks never reach into two.
  const size_t x = static_cast<unsigned>(block.x_px) / CodecMotion::kMacroblock;
  const size_t y = static_cast<unsigned>(block.y_px) / CodecMotion::kMacroblock;
  const auto area = static_cast<float>(block.width_px * block.height_px);
  const float scale = block.from_later ? later_scale_ : earlier_scale_;
  const float dx = block.dx_px * scale;
  const float dy = block.dy_px * scale;
  Sum& sum = sums_[first_of_row_[y] + column_of_[x]];
  sum.area += area;
  sum.dx += dx * area;
  sum.dy += dy * area;
  sum.length += std::sqrt(dx * dx + dy * dy) * area;
  covered_[y * column_of_.size() + x] |= quarters_of(block);
}

void MotionGrid::finish(CodecMotion& motion) {
  motion.has_vectors = true;
  motion.width_px = width_px_;
  motion.height_px = height_px_;
  motion.cell_px = cell_px_;
  motion.columns = columns_;
  motion.rows = rows_;
  // Quarters of macroblocks: those that the cell has, and those of them that are predicted.
  std::array<uint16_t, CodecMotion::kMaxCells> all{};
  std::array<uint16_t, CodecMotion::kMaxCells> predicted{};
  size_t macroblock = 0;
  for (const uint16_t first : first_of_row_) {
    for (const uint16_t column : column_of_) {
      all[first + column] += 4;
      predicted[first + column] += std::popcount(covered_[macroblock++]);
    }
  }
  for (size_t i = 0; i < sums_.size(); ++i) {
    const Sum& sum = sums_[i];
    MotionCell& cell = motion.cells[i];
    cell = {};
    if (sum.area == 0) continue;
    cell.dx = to_units<int16_t>(sum.dx / sum.area);
    cell.dy = to_units<int16_t>(sum.dy / sum.area);
    cell.speed = to_units<uint16_t>(sum.length / sum.area);
    cell.predicted = static_cast<uint8_t>(predicted[i] * 255 / all[i]);
  }
}

}  // namespace m3
