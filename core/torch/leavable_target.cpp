#include "core/torch/leavable_target.h"

#include <ATen/ops/zeros.h>

#include <bit>

namespace m3 {
namespace {

constexpr int64_t kAnyLength = 16;  // up to it: steps of answers, where each row counts

}  // namespace

int64_t padding_of(int64_t rows) noexcept {
  if (rows <= kAnyLength) return 0;
  const auto step = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(rows)) / 8);
  return (step - rows % step) % step;
}

int64_t padding_of(int64_t rows, const Decoder& decoder) noexcept {
  return decoder.wants_few_lengths() ? padding_of(rows) : 0;
}

at::Tensor LeavableTarget::attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) {
  if (target_ != nullptr) return target_->attend(layer, q, k, v);
  return at::zeros({q.size(0), q.size(1) * q.size(2)}, q.options());
}

}  // namespace m3
