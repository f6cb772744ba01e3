#include "core/torch/graph_tower.h"

#include <ATen/ops/add.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pixel_unshuffle.h>

#include <utility>

namespace m3 {

GraphTower::GraphTower(const std::string& graph_path, TensorSource& weights,
                       const TowerConfig& config, int size_px, at::Device device,
                       at::ScalarType dtype)
    : on_cpu_(device.is_cpu()) {
  Graph graph = read_graph(graph_path, size_px, config.features, config.grid);
  values_ = graph.values;
  output_ = graph.output;
  for (GraphStep& what : graph.steps) {
    Step step;
    if (what.op == GraphOp::kConv2d) {
      const ConvolutionSpec& spec = what.convolution;
      const at::Tensor weight =
          weights.take(what.weight, Shape(spec.shape.begin(), spec.shape.end()));
      const at::Tensor bias = weights.take(what.bias, {spec.shape[0]});
      step.convolution.emplace(spec, weight, bias, what.input_height, what.input_width, device,
                               dtype);
      parameters_ += weight.numel() + bias.numel();
    }
    step.what = std::move(what);
    steps_.push_back(std::move(step));
  }
  std::vector<bool> needed(values_, false);
  needed[output_] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    for (const size_t input : step->what.inputs) {
      if (!needed[input]) step->last_used.push_back(input);
      needed[input] = true;
    }
  }
}

class GraphTower::Pass final : public TowerPass {
 public:
  Pass(const GraphTower& tower, const at::Tensor& pixels) : tower_(tower), values_(tower.values_) {
    values_[0] = pixels;
  }

  bool run(Clock::time_point deadline) override {
    while (next_ < tower_.steps_.size()) {
      const Step& step = tower_.steps_[next_++];
      values_[step.what.output] = GraphTower::run(step, values_);
      for (const size_t value : step.last_used) values_[value].reset();
      if (Clock::now() >= deadline) break;
    }
    return next_ == tower_.steps_.size();
  }

  at::Tensor features() override {
    // [B, features, grid, grid] channels-last is [B, grid, grid, features] in memory.
    const at::Tensor output = std::exchange(values_, {})[tower_.output_];
    return output.permute({0, 2, 3, 1}).flatten(1, 2).contiguous();
  }

 private:
  const GraphTower& tower_;
  std::vector<at::Tensor> values_;
  size_t next_ = 0;
};

std::unique_ptr<TowerPass> GraphTower::begin(const at::Tensor& pixels) const {
  return std::make_unique<Pass>(*this, pixels);
}

at::Tensor GraphTower::run(const Step& step, const std::vector<at::Tensor>& values) {
  const at::Tensor& x = values[step.what.inputs.front()];
  switch (step.what.op) {
    case GraphOp::kConv2d:
      return (*step.convolution)(x);
    case GraphOp::kAdd:
      return at::add(x, values[step.what.inputs[1]]);
    case GraphOp::kScaleShift:
      return at::mul(x, step.what.scale).add_(step.what.shift);
    case GraphOp::kPixelUnshuffle:
      return at::pixel_unshuffle(x, step.what.factor);
    case GraphOp::kAvgPool2d:
      return at::avg_pool2d(x, step.what.factor);
    case GraphOp::kConcat: {
      std::vector<at::Tensor> parts;
      parts.reserve(step.what.inputs.size());
      for (const size_t input : step.what.inputs) parts.push_back(values[input]);
      return at::cat(parts, 1);
    }
  }
  return {};
}

}  // namespace m3
