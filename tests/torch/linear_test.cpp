#include "core/torch/linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <gtest/gtest.h>

#include "core/torch/panel_kernels.h"
#include "core/torch/panel_matrix.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

TEST(Linear, EqualsThePlainOperator) {
  const c10::InferenceMode inference;
  const at::Tensor weight = numbers(1, {40, 72});
  const at::Tensor bias = numbers(2, {40});
  const at::Tensor x = numbers(3, {9, 72});
  const at::Tensor other = numbers(4, {9, 40});
  const Linear linear(weight, bias, at::kCPU, at::kFloat);
  EXPECT_LT(relative_error(linear(x), at::linear(x, weight, bias)), 1e-6);
  EXPECT_LT(relative_error(linear.add(x, other), at::linear(x, weight, bias) + other), 1e-6);
  EXPECT_EQ(linear.parameters(), 40 * 72 + 40);
}

TEST(Linear, WorksWithoutBiasAndInBfloat16) {
  const c10::InferenceMode inference;
  const at::Tensor weight = numbers(1, {40, 72});
  const at::Tensor x = numbers(3, {9, 72});
  const Linear linear(weight, {}, at::kCPU, at::kBFloat16);
  const at::Tensor y = linear(x.to(at::kBFloat16));
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_LT(relative_error(y.to(at::kFloat), at::linear(x, weight)), 1e-2);
}

// Panels of every kind of CPU, with a last panel that is not full and sums in several parts.
TEST(PanelKernels, EveryVersionMultiplies) {
  const c10::InferenceMode inference;
  for (const int64_t outputs : {16, 35, 200}) {
    const at::Tensor weight = numbers(1, {outputs, 600});
    const at::Tensor halves = weight.to(at::kBFloat16);
    at::Tensor packed = at::empty({panels::size_of(outputs, 600)});
    at::Tensor packed_halves = at::empty({panels::size_of(outputs, 600)}, at::kBFloat16);
    const auto bits = [](const at::Tensor& tensor) {
      return static_cast<uint16_t*>(tensor.mutable_data_ptr());
    };
    panels::pack(weight.const_data_ptr<float>(), outputs, 600, packed.mutable_data_ptr<float>());
    panels::pack(bits(halves), outputs, 600, bits(packed_halves));
    for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 11, 12, 200}) {
      const at::Tensor x = numbers(3, {rows, 600});
      for (const panels::Cpu cpu : {panels::Cpu::kSixteen, panels::Cpu::kEight}) {
        // Outputs that are not asked for stay as they are.
        at::Tensor y = at::full({rows, outputs}, 7.0F);
        const panels::Rows all{x.const_data_ptr<float>(), rows, 600, y.mutable_data_ptr<float>(),
                               outputs};
        panels::multiply(all, packed.const_data_ptr<float>(), 1, panels::count_of(outputs), cpu);
        EXPECT_TRUE(y.narrow(1, 0, 16).eq(7).all().item<bool>());
        panels::multiply(all, packed.const_data_ptr<float>(), 0, 1, cpu);
        EXPECT_LT(relative_error(y, at::linear(x, weight)), 2e-6) << rows << " of " << outputs;
        panels::multiply(all, static_cast<const uint16_t*>(bits(packed_halves)), 0,
                         panels::count_of(outputs), cpu);
        EXPECT_LT(relative_error(y, at::linear(x, halves.to(at::kFloat))), 2e-6)
            << rows << " of " << outputs;
      }
    }
  }
}

// What makes answers independent of how work is cut and batched.
TEST(Linear, ARowDoesNotDependOnTheRowsBesideIt) {
  const c10::InferenceMode inference;
  for (const auto& [out, in] : {std::pair<int64_t, int64_t>{960, 576}, {576, 1536}, {272, 64}}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      if (dtype != at::kFloat && !PanelMatrix::suits(at::kCPU, dtype)) continue;
      const Linear linear(numbers(1, {out, in}), {}, at::kCPU, dtype);
      const at::Tensor x = numbers(2, {300, in}).to(dtype);
      const at::Tensor other = numbers(3, {300, out}).to(dtype);
      const at::Tensor all = linear(x);
      const at::Tensor all_added = linear.add(x, other);
      for (const int64_t rows : {1, 2, 5, 13, 16, 17, 40, 104, 256}) {
        EXPECT_TRUE(linear(x.narrow(0, 0, rows)).equal(all.narrow(0, 0, rows)))
            << rows << " rows of " << in;
        EXPECT_TRUE(linear(x.narrow(0, 7, rows)).equal(all.narrow(0, 7, rows)))
            << rows << " rows of " << in;
        EXPECT_TRUE(linear.add(x.narrow(0, 7, rows), other.narrow(0, 7, rows))
                        .equal(all_added.narrow(0, 7, rows)));
      }
    }
  }
}

}  // namespace
}  // namespace m3
