#include "core/torch/onednn.h"

#include <ATen/Context.h>

namespace m3::onednn {
namespace {

template <typename Handle>
struct SignatureOf;
template <typename Signature>
struct SignatureOf<c10::TypedOperatorHandle<Signature>> {
  using type = Signature;
};

template <typename Handle>
std::optional<Handle> find(const char* name, const char* overload = "") {
  const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!found) return std::nullopt;
  return found->typed<typename SignatureOf<Handle>::type>();
}

std::optional<LinearOperators> find_linear() {
  if (!at::globalContext().hasMKLDNN()) return std::nullopt;
  const auto reorder = find<decltype(LinearOperators::reorder)>("mkldnn::_reorder_linear_weight");
  const auto plain = find<decltype(LinearOperators::plain)>("mkldnn::_linear_pointwise");
  const auto binary =
      find<decltype(LinearOperators::binary)>("mkldnn::_linear_pointwise", "binary");
  if (!reorder || !plain || !binary) return std::nullopt;
  return LinearOperators{*reorder, *plain, *binary};
}

std::optional<ConvolutionOperators> find_convolution() {
  if (!at::globalContext().hasMKLDNN()) return std::nullopt;
  const auto reorder =
      find<decltype(ConvolutionOperators::reorder)>("mkldnn::_reorder_convolution_weight");
  const auto plain = find<decltype(ConvolutionOperators::plain)>("mkldnn::_convolution_pointwise");
  if (!reorder || !plain) return std::nullopt;
  return ConvolutionOperators{*reorder, *plain};
}

}  // namespace

const LinearOperators* linear_operators() {
  static const std::optional<LinearOperators> found = find_linear();
  return found ? &*found : nullptr;
}

const ConvolutionOperators* convolution_operators() {
  static const std::optional<ConvolutionOperators> found = find_convolution();
  return found ? &*found : nullptr;
}

}  // namespace m3::onednn
