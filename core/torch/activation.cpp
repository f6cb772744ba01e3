#include "core/torch/activation.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include <utility>

namespace m3 {
namespace {
// OpenAI's CLIP: x * sigmoid(1.702 x) stands for gelu.
constexpr double kQuickGelu = 1.702;
}  // namespace

at::Tensor activate(Activation activation, at::Tensor x) {
  switch (activation) {
    case Activation::kGelu:
      return at::gelu_(x);
    case Activation::kGeluTanh:
      return at::gelu_(x, "tanh");
    case Activation::kQuickGelu:
      return x.mul_(at::mul(x, kQuickGelu).sigmoid_());
    case Activation::kRelu:
      return at::relu_(x);
    case Activation::kSilu:
      return at::silu_(x);
  }
  return x;
}

}  // namespace m3
