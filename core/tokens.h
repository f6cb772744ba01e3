// Tokens: the visual tokens of one frame, immutable and cheap to copy. They hold the finest level
// that was kept and show one scale of the ladder. Because tokens of a coarse scale are means over
// equal squares of finer ones (Matryoshka Multimodal Models, arXiv 2405.17430, section 3), every
// coarser level can be made from the finest exactly.
//
// Threads: immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/export.h"

namespace m3 {

// A square of tokens, row-major, on host or device. Made by an engine; knows how to pool itself
// where it lies.
class M3_API TokenStorage {
 public:
  virtual ~TokenStorage();

  virtual int grid() const noexcept = 0;  // the square's side, in tokens
  virtual int dim() const noexcept = 0;   // width of one token: the LLM's width
  virtual size_t bytes() const noexcept = 0;

  // Means over equal squares, giving side `to_grid`, which divides grid(). Stays on the same
  // device.
  virtual std::shared_ptr<const TokenStorage> pool(int to_grid) const = 0;

  // Copies [grid*grid, dim] as float32 to `out`, whose size must be grid*grid*dim.
  virtual void read(std::span<float> out) const = 0;
};

// Tokens in host memory, float32. The fake engine makes these; so does anything that reads tokens
// from bytes.
class M3_API HostTokens final : public TokenStorage {
 public:
  // values: [grid*grid, dim], row-major. Throws kInvalidArgument when the size does not fit.
  HostTokens(int grid, int dim, std::vector<float> values);

  int grid() const noexcept override { return grid_; }
  int dim() const noexcept override { return dim_; }
  size_t bytes() const noexcept override { return values_.size() * sizeof(float); }
  std::shared_ptr<const TokenStorage> pool(int to_grid) const override;
  void read(std::span<float> out) const override;
  std::span<const float> values() const noexcept { return values_; }

 private:
  int grid_;
  int dim_;
  std::vector<float> values_;
};

class M3_API Tokens {
 public:
  // No tokens: what a reused or skipped frame carries.
  Tokens() = default;

  // Keeps `finest` and shows it whole. ladder: ascending squares (1, 9, 36, ...) that the model was
  // trained for; finest->grid() squared must be one of them. Throws kInvalidArgument otherwise.
  Tokens(std::shared_ptr<const TokenStorage> finest,
         std::shared_ptr<const std::vector<int>> ladder);

  bool empty() const noexcept { return finest_ == nullptr; }
  int scale() const noexcept { return scale_; }  // tokens shown; 0 when empty
  int finest_scale() const noexcept;             // tokens kept; 0 when empty
  int dim() const noexcept { return finest_ ? finest_->dim() : 0; }
  std::span<const int> ladder() const noexcept;
  // The finest scale that is kept and at most `ceiling`; the coarsest when all are above it. 0 when
  // empty.
  int scale_within(int ceiling) const noexcept;

  // The same tokens showing another scale of the ladder, at most finest_scale(). O(1): nothing is
  // computed yet. Throws kInvalidArgument when `scale` is off the ladder, finer than what is kept,
  // or the tokens are empty.
  Tokens pool_to(int scale) const;

  // What is shown: [scale, dim]. Pools from the finest level on each call; nullptr when empty.
  std::shared_ptr<const TokenStorage> shown() const;

 private:
  std::shared_ptr<const TokenStorage> finest_;
  std::shared_ptr<const std::vector<int>> ladder_;
  int scale_ = 0;
};

// Side of a square scale (144 -> 12). Throws kInvalidArgument when `scale` is not a positive
// square.
M3_API int grid_of(int scale);

}  // namespace m3
