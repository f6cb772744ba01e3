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
    : on_cpu_(device.is_cpu()), dtype_(dtype) {
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
  find_cut(graph.shapes);
}

// The cut lies behind the step after which the values that are still needed hold the fewest
// numbers; input and output are among the choices.
void GraphTower::find_cut(const std::vector<std::array<int64_t, 3>>& shapes) {
  const auto numbers = [&](size_t value) {
    return shapes[value][0] * shapes[value][1] * shapes[value][2];
  };
  std::vector<bool> alive(values_, false);
  alive[0] = true;
  int64_t fewest = numbers(0);
  kept_.push_back({0, shapes[0], fewest});
  for (size_t step = 0; step < steps_.size(); ++step) {
    alive[steps_[step].what.output] = true;
    for (const size_t value : steps_[step].last_used) alive[value] = false;
    std::vector<Kept> kept;
    int64_t sum = 0;
    for (size_t value = 0; value < values_; ++value) {
      if (!alive[value]) continue;
      kept.push_back({value, shapes[value], numbers(value)});
      sum += numbers(value);
    }
    if (sum >= fewest) continue;
    fewest = sum;
    cut_ = step + 1;
    kept_ = std::move(kept);
  }
  kept_numbers_ = fewest;
}

void GraphTower::run(size_t first, size_t last, std::vector<at::Tensor>& values) const {
  for (size_t i = first; i < last; ++i) {
    const Step& step = steps_[i];
    values[step.what.output] = run(step, values);
    for (const size_t value : step.last_used) values[value].reset();
  }
}

// [B, features, grid, grid] channels-last is [B, grid, grid, features] in memory.
at::Tensor GraphTower::cells_of(const at::Tensor& output) {
  return output.permute({0, 2, 3, 1}).flatten(1, 2).contiguous();
}

class GraphTower::Pass final : public TowerPass {
 public:
  Pass(const GraphTower& tower, const at::Tensor& pixels) : tower_(tower), values_(tower.values_) {
    values_[0] = pixels;
  }

  bool run(Clock::time_point deadline) override {
    const size_t steps = tower_.steps_.size();
    while (next_ < steps) {
      tower_.run(next_, next_ + 1, values_);
      ++next_;
      if (Clock::now() >= deadline) break;
    }
    return next_ == steps;
  }

  at::Tensor features() override { return cells_of(std::exchange(values_, {})[tower_.output_]); }

 private:
  const GraphTower& tower_;
  std::vector<at::Tensor> values_;
  size_t next_ = 0;
};

std::unique_ptr<TowerPass> GraphTower::begin(const at::Tensor& pixels) const {
  return std::make_unique<Pass>(*this, pixels);
}

at::Tensor GraphTower::first_half(const at::Tensor& pixels) const {
  std::vector<at::Tensor> values(values_);
  values[0] = pixels;
  run(0, cut_, values);
  std::vector<at::Tensor> parts;
  for (const Kept& kept : kept_) {
    parts.push_back(values[kept.value].permute({0, 2, 3, 1}).reshape({kept.numbers}));
  }
  return at::cat(parts);
}

at::Tensor GraphTower::second_half(const at::Tensor& kept) const {
  std::vector<at::Tensor> values(values_);
  int64_t first = 0;
  for (const Kept& part : kept_) {
    const auto& [channels, height, width] = part.shape;
    values[part.value] = kept.narrow(0, first, part.numbers)
                             .to(dtype_)
                             .view({1, height, width, channels})
                             .permute({0, 3, 1, 2});
    first += part.numbers;
  }
  run(cut_, steps_.size(), values);
  return cells_of(values[output_]);
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
