#include "core/torch/convolution.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <gtest/gtest.h>

#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

struct Case {
  const char* name;
  ConvolutionSpec spec;
};

class ConvolutionCases : public testing::TestWithParam<Case> {
 protected:
  // Padding written out, then the plain operator.
  static at::Tensor plain(const ConvolutionSpec& spec, const at::Tensor& x,
                          const at::Tensor& weight, const at::Tensor& bias) {
    const at::Tensor y = at::conv2d(at::constant_pad_nd(x, spec.pad), weight, bias, spec.stride,
                                    at::IntArrayRef(0), 1, spec.groups);
    return spec.relu6 ? y.clamp(0, 6) : y;
  }
  static void expect_equal(const ConvolutionSpec& spec, at::ScalarType dtype, double tolerance) {
    const c10::InferenceMode inference;
    const at::Tensor x = numbers(1, {2, spec.shape[1] * spec.groups, 11, 14}) * 4;
    const at::Tensor weight = numbers(2, Shape(spec.shape.begin(), spec.shape.end()));
    const at::Tensor bias = numbers(3, {spec.shape[0]});
    const Convolution convolution(spec, weight, bias, 11, 14, at::kCPU, dtype);
    const at::Tensor y = convolution(x.to(dtype).contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_EQ(y.scalar_type(), dtype);
    const at::Tensor wanted = plain(spec, x, weight, bias);
    ASSERT_EQ(y.sizes(), wanted.sizes());
    EXPECT_LT(relative_error(y.to(at::kFloat), wanted), tolerance);
  }
};

TEST_P(ConvolutionCases, EqualsPaddingThenThePlainOperator) {
  expect_equal(GetParam().spec, at::kFloat, 1e-6);
}
TEST_P(ConvolutionCases, WorksInBfloat16) { expect_equal(GetParam().spec, at::kBFloat16, 2e-2); }

INSTANTIATE_TEST_SUITE_P(
    Shapes, ConvolutionCases,
    testing::Values(Case{"Pointwise", {{5, 6, 1, 1}, 1, 1, {0, 0, 0, 0}, false}},
                    Case{"EvenPads", {{6, 1, 5, 5}, 1, 6, {2, 2, 2, 2}, true}},
                    Case{"MoreRightAndBelow", {{6, 1, 3, 3}, 2, 6, {0, 1, 0, 1}, true}},
                    Case{"MoreRightAndBelowOfLarger", {{6, 1, 5, 5}, 2, 6, {1, 2, 1, 2}, true}},
                    Case{"MoreLeftAndAbove", {{4, 3, 3, 3}, 2, 1, {2, 1, 1, 0}, false}},
                    Case{"OneWayOnly", {{4, 3, 3, 5}, 1, 1, {0, 0, 1, 2}, true}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace m3
