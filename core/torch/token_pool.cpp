#include "core/torch/token_pool.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mean.h>
#include <c10/core/InferenceMode.h>

#include <string>
#include <utility>

#include "core/error.h"
#include "core/torch/border.h"

namespace m3 {

DeviceTokens::DeviceTokens(int grid, at::Tensor values) : grid_(grid), values_(std::move(values)) {}

std::shared_ptr<const TokenStorage> DeviceTokens::pool(int to_grid) const {
  return at_border("pooling visual tokens", [&]() -> std::shared_ptr<const TokenStorage> {
    if (to_grid < 1 || grid_ % to_grid != 0) {
      throw Error(ErrorCode::kInvalidArgument, "a grid of " + std::to_string(grid_) +
                                                   " tokens cannot be pooled to " +
                                                   std::to_string(to_grid));
    }
    const c10::InferenceMode inference;
    return std::make_shared<DeviceTokens>(to_grid, pool_square(values_, grid_, to_grid));
  });
}

void DeviceTokens::read(std::span<float> out) const {
  at_border("reading visual tokens", [&] {
    if (out.size() != static_cast<size_t>(values_.numel())) {
      throw Error(ErrorCode::kInvalidArgument,
                  "reading visual tokens: room for " + std::to_string(out.size()) +
                      " numbers, there are " + std::to_string(values_.numel()));
    }
    const c10::InferenceMode inference;
    at::from_blob(out.data(), values_.sizes(), at::TensorOptions().dtype(at::kFloat))
        .copy_(values_);
  });
}

at::Tensor pool_square(const at::Tensor& values, int64_t grid, int64_t to_grid) {
  if (grid == to_grid) return values;
  const int64_t side = grid / to_grid;
  return values.view({to_grid, side, to_grid, side, values.size(1)})
      .mean(at::IntArrayRef{1, 3})
      .flatten(0, 1);
}

at::Tensor values_of(const TokenStorage& storage, const at::TensorOptions& options) {
  if (const auto* tokens = dynamic_cast<const DeviceTokens*>(&storage)) {
    return tokens->values().to(options);
  }
  at::Tensor values = at::empty({int64_t{storage.grid()} * storage.grid(), storage.dim()},
                                at::TensorOptions().dtype(at::kFloat));
  storage.read({values.mutable_data_ptr<float>(), static_cast<size_t>(values.numel())});
  return values.to(options);
}

}  // namespace m3
