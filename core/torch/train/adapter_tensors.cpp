#include "core/torch/train/adapter_tensors.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace m3 {
namespace {

constexpr double kPlaceSpread = 0.1;  // of the place table in front of the MLP's bend

struct Sizes {
  int64_t features, hidden, width, cells, q, kv, inner;
};

Sizes sizes_of(const ModelConfig& config, const LlmShape& shape) {
  return {config.tower.features,
          config.projector.hidden,
          shape.hidden,
          int64_t{config.tower.grid} * config.tower.grid,
          int64_t{shape.heads} * shape.head_dim,
          int64_t{shape.kv_heads} * shape.head_dim,
          shape.intermediate};
}

std::string block_name(int layer) { return "blocks." + std::to_string(layer) + "."; }

// One of a block's matrices: its word in names, and of how many parts its rows are.
struct Matrix {
  const char* word;
  int parts;
};

Matrix matrix_of(DecoderPart part) {
  switch (part) {
    case DecoderPart::kQkv:
      return {"qkv", 3};
    case DecoderPart::kOut:
      return {"o", 1};
    case DecoderPart::kGateUp:
      return {"gu", 2};
    case DecoderPart::kDown:
      return {"down", 1};
    case DecoderPart::kHead:
      break;
  }
  return {"", 0};  // the head is not updated
}

// Calls `add` with every tensor's name and shape, always in the same order.
void for_each(const Sizes& of, int layers, const UpdatesConfig& updates,
              const std::function<void(const std::string&, const Shape&)>& add) {
  add("proj.mean", {of.features});
  add("proj.scale", {of.features});
  add("proj.linear.weight", {of.width, of.features});
  add("proj.linear.bias", {of.width});
  add("proj.fc1.weight", {of.hidden, of.features});
  add("proj.fc1.bias", {of.hidden});
  add("proj.fc2.weight", {of.width, of.hidden});
  add("proj.fc2.bias", {of.width});
  add("proj.place_hidden", {of.cells, of.hidden});
  add("proj.place_out", {of.cells, of.width});
  const int64_t rank = updates.rank;
  for (int layer = 0; layer < layers; ++layer) {
    const std::string block = block_name(layer);
    if (updates.full) {
      add(block + "qkv_full", {of.q + 2 * of.kv, of.width});
      add(block + "o_full", {of.width, of.q});
      add(block + "gu_full", {2 * of.inner, of.width});
      add(block + "down_full", {of.width, of.inner});
    }
    if (rank == 0) continue;
    add(block + "qkv_a", {3 * rank, of.width});
    add(block + "qkv_b.0", {of.q, rank});
    add(block + "qkv_b.1", {of.kv, rank});
    add(block + "qkv_b.2", {of.kv, rank});
    add(block + "o_a", {rank, of.q});
    add(block + "o_b.0", {of.width, rank});
    add(block + "gu_a", {2 * rank, of.width});
    add(block + "gu_b.0", {of.inner, rank});
    add(block + "gu_b.1", {of.inner, rank});
    add(block + "down_a", {rank, of.inner});
    add(block + "down_b.0", {of.width, rank});
  }
}

bool learns(std::string_view name) { return name != "proj.mean" && name != "proj.scale"; }

}  // namespace

void AdapterTensors::add(const std::string& name, const at::Tensor& numbers, at::Device device) {
  tensors_[name] = numbers.to(device).set_requires_grad(learns(name));
}

AdapterTensors AdapterTensors::fresh(const ModelConfig& config, const LlmShape& shape,
                                     const UpdatesConfig& updates, uint64_t seed,
                                     at::Device device) {
  AdapterTensors made(updates);
  RandomSource random(seed);
  for_each(sizes_of(config, shape), shape.layers, made.updates_,
           [&](const std::string& name, const Shape& shape_of) {
             at::Tensor numbers = at::zeros(shape_of);
             if (name == "proj.scale") numbers = at::ones(shape_of);
             if (name == "proj.place_hidden") numbers = random.uniform(shape_of, kPlaceSpread);
             // As wide as linear layers usually begin.
             if (name.starts_with("proj.") && name.ends_with("1.weight"))
               numbers = random.uniform(shape_of, 1 / std::sqrt(3.0 * shape_of[1]));
             if (name == "proj.linear.weight" || name.ends_with("_a"))
               numbers = random.uniform(shape_of, 1 / std::sqrt(shape_of[1]));
             made.add(name, numbers, device);
           });
  return made;
}

AdapterTensors AdapterTensors::taken(const ModelConfig& config, const LlmShape& shape,
                                     TensorSource& source, at::Device device) {
  AdapterTensors made(config.updates);
  for_each(sizes_of(config, shape), shape.layers, made.updates_,
           [&](const std::string& name, const Shape& shape_of) {
             made.add(name, source.take(name, shape_of), device);
           });
  return made;
}

void AdapterTensors::set(const std::string& name, const at::Tensor& numbers) {
  const at::NoGradGuard no_gradients;
  tensors_.at(name).copy_(numbers);
}

bool AdapterTensors::is_of_projector(std::string_view name) { return name.starts_with("proj."); }

std::string AdapterTensors::full_name(int layer, DecoderPart part) {
  return block_name(layer) + matrix_of(part).word + "_full";
}

std::vector<std::string> AdapterTensors::learned_names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    if (learns(name)) names.push_back(name);
  }
  return names;
}

std::vector<at::Tensor> AdapterTensors::learned() const {
  std::vector<at::Tensor> learned;
  for (const auto& [name, tensor] : tensors_) {
    if (learns(name)) learned.push_back(tensor);
  }
  return learned;
}

int64_t AdapterTensors::learned_numbers() const {
  int64_t sum = 0;
  for (const at::Tensor& tensor : learned()) sum += tensor.numel();
  return sum;
}

ProjectorTensors AdapterTensors::projector() const {
  return {get("proj.linear.weight"), get("proj.linear.bias"), get("proj.fc1.weight"),
          get("proj.fc1.bias"),      get("proj.fc2.weight"),  get("proj.fc2.bias"),
          get("proj.place_hidden"),  get("proj.place_out")};
}

MatrixUpdate AdapterTensors::update(int layer, DecoderPart part) const {
  MatrixUpdate update;
  const auto [word, parts] = matrix_of(part);
  if (parts == 0) return update;
  const std::string name = block_name(layer) + word;
  if (updates_.full) update.full = get(full_name(layer, part));
  if (updates_.rank == 0) return update;
  update.factor = updates_.factor;
  update.a = get(name + "_a");
  for (int b = 0; b < parts; ++b) update.b.push_back(get(name + "_b." + std::to_string(b)));
  return update;
}

}  // namespace m3
