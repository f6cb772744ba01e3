#include "core/torch/clip_tower.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/torch/activation.h"

namespace m3 {
namespace {

// A pass has hundreds of rows: in float32 libtorch's own product is then ahead of panels.
Linear many_rows(const at::Tensor& weight, const at::Tensor& bias, at::Device device,
                 at::ScalarType dtype) {
  if (dtype == at::kFloat) return Linear::plain(weight, bias, device, dtype);
  return {weight, bias, device, dtype};
}

}  // namespace

ClipTower::ClipTower(TensorSource& weights, const ClipShape& shape, std::vector<int> feature_layers,
                     at::Device device, at::ScalarType dtype)
    : shape_(shape), feature_layers_(std::move(feature_layers)) {
  const int64_t hidden = shape.hidden;
  const int64_t inner = shape.intermediate;
  const int64_t cells = int64_t{shape.grid()} * shape.grid();
  const auto take = [&](const std::string& name, const Shape& sizes) {
    at::Tensor tensor = weights.take("vision_tower." + name, sizes);
    parameters_ += tensor.numel();
    return tensor;
  };
  const auto norm = [&](const std::string& name) {
    return Norm{take(name + ".weight", {hidden}).to(device, dtype),
                take(name + ".bias", {hidden}).to(device, dtype)};
  };
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    const at::Tensor weight = take(name + ".weight", {out, in});
    return many_rows(weight, take(name + ".bias", {out}), device, dtype);
  };
  const at::Tensor class_token = take("embeddings.class_embedding", {hidden});
  patches_ =
      Linear(take("embeddings.patch_embedding.weight", {hidden, 3, shape.patch_px, shape.patch_px})
                 .flatten(1),
             {}, device, dtype);
  const at::Tensor positions = take("embeddings.position_embedding.weight", {cells + 1, hidden});
  // Both are rounded before they are added, as in the model's own dtype.
  class_ = class_token.to(device, dtype).unsqueeze(0) + positions.narrow(0, 0, 1).to(device, dtype);
  places_ = positions.narrow(0, 1, cells).to(device, dtype).contiguous();
  norm_before_ = norm("pre_layrnorm");  // so written in all checkpoints
  const int last = *std::max_element(feature_layers_.begin(), feature_layers_.end());
  for (int index = 0; index < last; ++index) {
    const std::string prefix = "encoder.layers." + std::to_string(index) + ".";
    const std::string attention = prefix + "self_attn.";
    Layer layer;
    layer.norm1 = norm(prefix + "layer_norm1");
    std::vector<at::Tensor> parts;
    std::vector<at::Tensor> biases;
    for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
      parts.push_back(take(attention + part + ".weight", {hidden, hidden}));
      biases.push_back(take(attention + part + ".bias", {hidden}));
    }
    layer.qkv = many_rows(at::cat(parts), at::cat(biases), device, dtype);
    layer.out = linear(attention + "out_proj", hidden, hidden);
    layer.norm2 = norm(prefix + "layer_norm2");
    layer.fc1 = linear(prefix + "mlp.fc1", inner, hidden);
    layer.fc2 = linear(prefix + "mlp.fc2", hidden, inner);
    layers_.push_back(std::move(layer));
  }
}

// Steps: the patches, then a layer each.
class ClipTower::Pass final : public TowerPass {
 public:
  Pass(const ClipTower& tower, at::Tensor pixels)
      : tower_(tower), pixels_(std::move(pixels)), features_(tower.feature_layers_.size()) {}

  bool run(Clock::time_point deadline) override {
    while (next_ <= tower_.layers_.size()) {
      if (next_ == 0) {
        x_ = tower_.norm(tower_.embed(pixels_), tower_.norm_before_);
      } else {
        x_ = tower_.run(tower_.layers_[next_ - 1], x_, pixels_.size(0));
      }
      keep_features();
      ++next_;
      if (Clock::now() >= deadline) break;
    }
    return next_ > tower_.layers_.size();
  }

  at::Tensor features() override { return at::cat(std::exchange(features_, {}), 2); }

 private:
  void keep_features() {
    for (size_t i = 0; i < features_.size(); ++i) {
      if (tower_.feature_layers_[i] != static_cast<int>(next_)) continue;
      const at::Tensor state = x_.unflatten(0, {pixels_.size(0), -1});
      features_[i] = state.narrow(1, 1, state.size(1) - 1);
    }
  }

  const ClipTower& tower_;
  const at::Tensor pixels_;
  at::Tensor x_;  // [B * (1 + cells), hidden]: the hidden state before layer `next_`
  std::vector<at::Tensor> features_;
  size_t next_ = 0;
};

std::unique_ptr<TowerPass> ClipTower::begin(const at::Tensor& pixels) const {
  return std::make_unique<Pass>(*this, pixels);
}

// [B * (1 + cells), hidden]. A convolution whose squares do not overlap is a product over them.
at::Tensor ClipTower::embed(const at::Tensor& pixels) const {
  const int64_t batch = pixels.size(0);
  const int64_t grid = shape_.grid();
  const int64_t side = shape_.patch_px;
  const at::Tensor squares = pixels.reshape({batch, 3, grid, side, grid, side})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({batch * grid * grid, 3 * side * side});
  const at::Tensor patches = patches_(squares).unflatten(0, {batch, grid * grid}) + places_;
  return at::cat({class_.expand({batch, 1, -1}), patches}, 1).flatten(0, 1);
}

at::Tensor ClipTower::norm(const at::Tensor& x, const Norm& norm) const {
  return at::layer_norm(x, {shape_.hidden}, norm.weight, norm.bias, shape_.epsilon);
}

at::Tensor ClipTower::run(const Layer& layer, const at::Tensor& x, int64_t batch) const {
  const int64_t heads = shape_.heads;
  const at::Tensor qkv = layer.qkv(norm(x, layer.norm1))
                             .view({batch, -1, 3, heads, shape_.hidden / heads})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor seen = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
                              .transpose(1, 2)
                              .reshape({x.size(0), shape_.hidden});
  const at::Tensor y = layer.out.add(seen, x);
  return layer.fc2.add(activate(shape_.activation, layer.fc1(norm(y, layer.norm2))), y);
}

}  // namespace m3
