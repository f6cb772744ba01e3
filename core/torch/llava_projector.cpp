#include "core/torch/llava_projector.h"

#include <string>

#include "core/torch/activation.h"

namespace m3 {

LlavaProjector::LlavaProjector(TensorSource& weights, const LlavaConfig& config, at::Device device,
                               at::ScalarType dtype)
    : activation_(config.projector_activation) {
  const auto linear = [&](const char* name, int64_t out, int64_t in) {
    const std::string prefix = std::string("multi_modal_projector.") + name;
    const at::Tensor weight = weights.take(prefix + ".weight", {out, in});
    const at::Tensor bias =
        config.projector_bias ? weights.take(prefix + ".bias", {out}) : at::Tensor();
    return Linear(weight, bias, device, dtype);
  };
  into_ = linear("linear_1", config.llm.hidden, config.features());
  out_ = linear("linear_2", config.llm.hidden, config.llm.hidden);
}

at::Tensor LlavaProjector::operator()(const at::Tensor& features) const {
  const at::Tensor rows = features.reshape({-1, features.size(2)});
  return out_(activate(activation_, into_(rows)))
      .unflatten(0, {features.size(0), features.size(1)});
}

}  // namespace m3
