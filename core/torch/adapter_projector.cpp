#include "core/torch/adapter_projector.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>

namespace m3 {

AdapterProjector::AdapterProjector(TensorSource& weights, int64_t features, int64_t hidden,
                                   int64_t width, int64_t cells, at::Device device,
                                   at::ScalarType dtype) {
  const auto take = [&](const char* name, const Shape& shape) {
    const at::Tensor tensor = weights.take(name, shape);
    parameters_ += tensor.numel();
    return tensor.to(at::kDouble);  // folding in float32 would cost digits
  };
  const at::Tensor mean = take("proj.mean", {features});
  const at::Tensor scale = take("proj.scale", {features});
  const at::Tensor into = at::cat({take("proj.fc1.weight", {hidden, features}),
                                   take("proj.linear.weight", {width, features})}) *
                          scale;
  const at::Tensor shift = at::matmul(into, mean).neg();
  const at::Tensor fc2 = take("proj.fc2.weight", {width, hidden});
  into_ = Linear(into, {}, device, dtype);
  out_ = Linear(fc2, {}, device, dtype);
  place_hidden_ = (take("proj.place_hidden", {cells, hidden}) + take("proj.fc1.bias", {hidden}) +
                   shift.narrow(0, 0, hidden))
                      .to(device, dtype);
  place_out_ = (take("proj.place_out", {cells, width}) + take("proj.linear.bias", {width}) +
                take("proj.fc2.bias", {width}) + shift.narrow(0, hidden, width))
                   .to(device, dtype);
}

AdapterProjector::AdapterProjector(const ProjectorTensors& tensors, at::ScalarType dtype)
    : into_(Linear::plain(at::cat({tensors.fc1_weight, tensors.linear_weight}), {},
                          tensors.fc1_weight.device(), dtype)),
      out_(Linear::plain(tensors.fc2_weight, {}, tensors.fc2_weight.device(), dtype)),
      place_hidden_((tensors.place_hidden + tensors.fc1_bias).to(dtype)),
      place_out_((tensors.place_out + tensors.linear_bias + tensors.fc2_bias).to(dtype)) {
  for (const at::Tensor* tensor :
       {&tensors.linear_weight, &tensors.linear_bias, &tensors.fc1_weight, &tensors.fc1_bias,
        &tensors.fc2_weight, &tensors.fc2_bias, &tensors.place_hidden, &tensors.place_out}) {
    parameters_ += tensor->numel();
  }
}

at::Tensor AdapterProjector::operator()(const at::Tensor& features) const {
  const int64_t batch = features.size(0);
  const int64_t cells = place_hidden_.size(0);
  const int64_t hidden = place_hidden_.size(1);
  const at::Tensor both = into_(features.flatten(0, 1)).unflatten(0, {batch, cells});
  const at::Tensor inner = at::gelu(both.narrow(2, 0, hidden) + place_hidden_);
  const at::Tensor direct = both.narrow(2, hidden, place_out_.size(1)) + place_out_;
  return out_.add(inner.flatten(0, 1), direct.flatten(0, 1)).unflatten(0, {batch, cells});
}

}  // namespace m3
