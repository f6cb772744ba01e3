#include "core/torch/panel_matrix.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cassert>

#include "core/torch/device.h"

#if !defined(INTRA_OP_PARALLEL) && !defined(__clang_analyzer__)
#error "at::parallel_for would run on one core: compile this file with OpenMP"
#endif

namespace m3 {
namespace {

// Products that a thread is worth waking for.
constexpr int64_t kProductsOfAThread = 200'000;

// ATEN_CPU_CAPABILITY may forbid what the CPU has.
panels::Cpu allowed_cpu() {
  const panels::Cpu cpu = panels::cpu_here();
  const bool wide = at::get_cpu_capability().starts_with("AVX512");
  return cpu == panels::Cpu::kSixteen && !wide ? panels::Cpu::kEight : cpu;
}

const uint16_t* halves(const at::Tensor& tensor) {
  return static_cast<const uint16_t*>(tensor.const_data_ptr());
}

}  // namespace

bool PanelMatrix::suits(at::Device device, at::ScalarType dtype) {
  if (!device.is_cpu() || panels::cpu_here() == panels::Cpu::kOther) return false;
  return dtype == at::kFloat || (dtype == at::kBFloat16 && !computes_bfloat16());
}

PanelMatrix::PanelMatrix(const at::Tensor& weight, const at::Tensor& bias)
    : bias_(bias.defined() ? bias.to(at::kFloat).contiguous() : bias),
      outputs_(weight.size(0)),
      inputs_(weight.size(1)),
      cpu_(allowed_cpu()) {
  panels_ = at::empty({panels::count_of(outputs_), inputs_, panels::kWidth}, weight.options());
  at::parallel_for(0, panels_.size(0), 1, [&](int64_t first, int64_t last) {
    const int64_t outputs = std::min(outputs_, last * panels::kWidth) - first * panels::kWidth;
    const int64_t from = first * panels::kWidth * inputs_;
    if (weight.scalar_type() == at::kFloat) {
      panels::pack(weight.const_data_ptr<float>() + from, outputs, inputs_,
                   panels_.mutable_data_ptr<float>() + from);
    } else {
      panels::pack(halves(weight) + from, outputs, inputs_,
                   static_cast<uint16_t*>(panels_.mutable_data_ptr()) + from);
    }
  });
}

at::Tensor PanelMatrix::product(const at::Tensor& x, const at::Tensor& other) const {
  assert(!x.requires_grad() && !(other.defined() && other.requires_grad()));
  const at::Tensor inputs = x.reshape({-1, inputs_}).to(at::kFloat).contiguous();
  const int64_t rows = inputs.size(0);
  const at::Tensor more =
      other.defined() ? other.reshape({rows, outputs_}).to(at::kFloat).contiguous() : other;
  const at::Tensor result = at::empty({rows, outputs_}, inputs.options());
  float* const y = result.mutable_data_ptr<float>();
  const panels::Rows all{inputs.const_data_ptr<float>(), rows, inputs_, y, outputs_};
  const float* const bias = bias_.defined() ? bias_.const_data_ptr<float>() : nullptr;
  const float* const added = more.defined() ? more.const_data_ptr<float>() : nullptr;
  const int64_t products = std::max<int64_t>(1, rows * inputs_ * panels::kWidth);
  const int64_t grain = (kProductsOfAThread + products - 1) / products;
  at::parallel_for(0, panels_.size(0), grain, [&](int64_t first, int64_t last) {
    if (panels_.scalar_type() == at::kFloat) {
      panels::multiply(all, panels_.const_data_ptr<float>(), first, last, cpu_);
    } else {
      panels::multiply(all, halves(panels_), first, last, cpu_);
    }
    const int64_t begin = first * panels::kWidth;
    const int64_t end = std::min(outputs_, last * panels::kWidth);
    for (int64_t row = 0; row < rows && (bias || added); ++row) {
      float* const here = y + row * outputs_;
      for (int64_t i = begin; bias && i < end; ++i) here[i] += bias[i];
      const float* const plus = added ? added + row * outputs_ : nullptr;
      for (int64_t i = begin; plus && i < end; ++i) here[i] += plus[i];
    }
  });
  at::DimVector sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = outputs_;
  return result.to(x.scalar_type()).view(sizes);
}

}  // namespace m3
