// DeviceTokens: a frame's visual tokens where the engine made them. They pool themselves there and
// are read back only when somebody asks for the numbers. Threads: immutable; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>

#include "core/tokens.h"

namespace m3 {

class DeviceTokens final : public TokenStorage {
 public:
  // values: [grid * grid, dim], contiguous
  DeviceTokens(int grid, at::Tensor values);

  int grid() const noexcept override { return grid_; }
  int dim() const noexcept override { return static_cast<int>(values_.size(1)); }
  size_t bytes() const noexcept override { return values_.nbytes(); }
  std::shared_ptr<const TokenStorage> pool(int to_grid) const override;
  void read(std::span<float> out) const override;

  const at::Tensor& values() const noexcept { return values_; }

 private:
  const int grid_;
  const at::Tensor values_;
};

// values [grid * grid, dim] -> [to_grid * to_grid, dim]: means over equal squares.
at::Tensor pool_square(const at::Tensor& values, int64_t grid, int64_t to_grid);

// The numbers of any storage as [grid * grid, dim] with the given options.
at::Tensor values_of(const TokenStorage& storage, const at::TensorOptions& options);

}  // namespace m3
