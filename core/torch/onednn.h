// oneDNN's operators as libtorch registers them: they have no C++ functions of their own, only
// names in its table of operators. All are absent where libtorch was built without oneDNN. Threads:
// free functions, safe from any thread.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string_view>

namespace m3::onednn {

using Scalars = c10::List<std::optional<at::Scalar>>;
using OptionalText = std::optional<std::string_view>;
using OptionalTensor = std::optional<at::Tensor>;

struct LinearOperators {
  c10::TypedOperatorHandle<at::Tensor(const at::Tensor& weight, std::optional<int64_t> rows)>
      reorder;
  c10::TypedOperatorHandle<at::Tensor(const at::Tensor& x, const at::Tensor& weight,
                                      const OptionalTensor& bias, std::string_view activation,
                                      Scalars, OptionalText algorithm)>
      plain;
  c10::TypedOperatorHandle<at::Tensor(const at::Tensor& x, const at::Tensor& other,
                                      const at::Tensor& weight, const OptionalTensor& bias,
                                      std::string_view operation)>
      binary;
};

struct ConvolutionOperators {
  c10::TypedOperatorHandle<at::Tensor(const at::Tensor& weight, at::IntArrayRef padding,
                                      at::IntArrayRef stride, at::IntArrayRef dilation,
                                      int64_t groups, at::OptionalIntArrayRef input)>
      reorder;
  c10::TypedOperatorHandle<at::Tensor(
      const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
      at::IntArrayRef padding, at::IntArrayRef stride, at::IntArrayRef dilation, int64_t groups,
      std::string_view activation, Scalars, OptionalText algorithm)>
      plain;
};

// nullptr: not there. The pointers stay valid.
const LinearOperators* linear_operators();
const ConvolutionOperators* convolution_operators();

}  // namespace m3::onednn
