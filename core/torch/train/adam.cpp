#include "core/torch/train/adam.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

namespace m3 {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

}  // namespace

Adam::Adam(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {
  const at::NoGradGuard no_gradients;
  for (const at::Tensor& tensor : tensors_) {
    first_.push_back(at::zeros_like(tensor));
    second_.push_back(at::zeros_like(tensor));
    counts_.push_back(at::full({}, 0.0, tensor.options().requires_grad(false)));
  }
}

double Adam::step(std::span<const double> rates, double clip) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> gradients;
  double square = 0;
  for (at::Tensor& tensor : tensors_) {
    if (!tensor.grad().defined()) tensor.mutable_grad() = at::zeros_like(tensor);
    gradients.push_back(tensor.grad());
    const double length = at::linalg_vector_norm(tensor.grad()).item<double>();
    square += length * length;
  }
  const double length = std::sqrt(square);
  if (clip > 0 && length > clip) at::_foreach_mul_(gradients, clip / length);
  ++steps_;
  for (at::Tensor& count : counts_) count.fill_(static_cast<double>(steps_));
  // Neighbours that learn alike go together.
  for (size_t begin = 0, end = 0; begin < tensors_.size(); begin = end) {
    while (end < tensors_.size() && rates[end] == rates[begin]) ++end;
    const auto part = [&](const std::vector<at::Tensor>& all) {
      return at::TensorList(all).slice(begin, end - begin);
    };
    at::_fused_adamw_(part(tensors_), part(gradients), part(first_), part(second_), {},
                      part(counts_), rates[begin], kBeta1, kBeta2, 0, kEpsilon, false, false);
  }
  forget_gradients();
  return length;
}

void Adam::forget_gradients() {
  for (at::Tensor& tensor : tensors_) tensor.mutable_grad().reset();
}

void Adam::set_steps(int64_t steps) { steps_ = steps; }

}  // namespace m3
