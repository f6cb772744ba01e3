#include "core/tokens.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "core/error.h"

namespace m3 {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::kInvalidArgument, "Tokens: " + text);
}

std::string list_of(std::span<const int> ladder) {
  std::string text;
  for (int scale : ladder) text += (text.empty() ? "" : ", ") + std::to_string(scale);
  return text;
}

}  // namespace

TokenStorage::~TokenStorage() = default;

int grid_of(int scale) {
  int64_t grid = 1;  // wide enough for its square
  while (grid * grid < scale) ++grid;
  if (grid * grid != scale) {
    refuse("scale " + std::to_string(scale) + " is not a positive square (1, 9, 36, 144, ...)");
  }
  return static_cast<int>(grid);
}

HostTokens::HostTokens(int grid, int dim, std::vector<float> values)
    : grid_(grid), dim_(dim), values_(std::move(values)) {
  if (grid < 1 || dim < 1) {
    refuse("grid " + std::to_string(grid) + " and dim " + std::to_string(dim) +
           " must both be at least 1");
  }
  const size_t expected = static_cast<size_t>(grid) * static_cast<size_t>(grid) * dim;
  if (values_.size() != expected) {
    refuse(std::to_string(values_.size()) + " values given, a grid of " + std::to_string(grid) +
           "x" + std::to_string(grid) + " with dim " + std::to_string(dim) + " has " +
           std::to_string(expected));
  }
}

std::shared_ptr<const TokenStorage> HostTokens::pool(int to_grid) const {
  if (to_grid < 1 || grid_ % to_grid != 0) {
    refuse("a grid of " + std::to_string(grid_) + " cannot be pooled to " +
           std::to_string(to_grid) + ", which does not divide it");
  }
  const int side = grid_ / to_grid;  // of one square, in tokens
  const float count = static_cast<float>(side * side);
  std::vector<float> means(static_cast<size_t>(to_grid) * to_grid * dim_, 0.0f);
  for (int row = 0; row < grid_; ++row) {
    for (int column = 0; column < grid_; ++column) {
      const float* token = &values_[(static_cast<size_t>(row) * grid_ + column) * dim_];
      float* mean = &means[(static_cast<size_t>(row / side) * to_grid + column / side) * dim_];
      for (int d = 0; d < dim_; ++d) mean[d] += token[d];
    }
  }
  for (float& value : means) value /= count;
  return std::make_shared<HostTokens>(to_grid, dim_, std::move(means));
}

void HostTokens::read(std::span<float> out) const {
  if (out.size() != values_.size()) {
    refuse("room for " + std::to_string(out.size()) + " values given, there are " +
           std::to_string(values_.size()));
  }
  std::copy(values_.begin(), values_.end(), out.begin());
}

Tokens::Tokens(std::shared_ptr<const TokenStorage> finest,
               std::shared_ptr<const std::vector<int>> ladder)
    : finest_(std::move(finest)), ladder_(std::move(ladder)) {
  if (!finest_ || !ladder_) refuse("a finest level and a ladder are both needed");
  const int finest_grid = finest_->grid();
  scale_ = finest_grid * finest_grid;
  bool listed = false;
  int last = 0;
  for (int scale : *ladder_) {
    const int grid = grid_of(scale);
    if (scale <= last) refuse("the ladder " + list_of(*ladder_) + " does not ascend");
    // Every coarser level must be a mean over equal squares of the finest one.
    if (scale <= scale_ && finest_grid % grid != 0) {
      refuse("scale " + std::to_string(scale) + " cannot be pooled from " + std::to_string(scale_));
    }
    listed = listed || scale == scale_;
    last = scale;
  }
  if (!listed) {
    refuse("scale " + std::to_string(scale_) + " is not on the ladder " + list_of(*ladder_));
  }
}

int Tokens::finest_scale() const noexcept {
  return finest_ ? finest_->grid() * finest_->grid() : 0;
}

std::span<const int> Tokens::ladder() const noexcept {
  return ladder_ ? std::span<const int>(*ladder_) : std::span<const int>();
}

int Tokens::scale_within(int ceiling) const noexcept {
  if (empty()) return 0;
  int within = ladder_->front();
  for (const int scale : *ladder_) {
    if (scale <= ceiling && scale <= finest_scale()) within = scale;
  }
  return within;
}

Tokens Tokens::pool_to(int scale) const {
  if (empty()) refuse("there are none to pool");
  if (std::find(ladder_->begin(), ladder_->end(), scale) == ladder_->end()) {
    refuse("scale " + std::to_string(scale) + " is not on the ladder " + list_of(*ladder_));
  }
  if (scale > finest_scale()) {
    refuse("scale " + std::to_string(scale) + " is finer than the " +
           std::to_string(finest_scale()) + " tokens that were kept");
  }
  Tokens pooled = *this;
  pooled.scale_ = scale;
  return pooled;
}

std::shared_ptr<const TokenStorage> Tokens::shown() const {
  if (!finest_ || scale_ == finest_scale()) return finest_;
  return finest_->pool(grid_of(scale_));
}

}  // namespace m3
