// AdapterTensors: what is trained, by the names of adapter.safetensors (docs/model-format.md), as
// float32 leaves that gather gradients; proj.mean and proj.scale are among them, but do not learn.
// Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/model_config.h"
#include "core/torch/adapter_projector.h"
#include "core/torch/decoder.h"
#include "core/torch/linear.h"
#include "core/torch/weights.h"

namespace m3 {

class AdapterTensors {
 public:
  // Numbers of a start: updates that change nothing yet, a projector whose MLP adds nothing yet.
  static AdapterTensors fresh(const ModelConfig& config, const LlmShape& shape,
                              const UpdatesConfig& updates, uint64_t seed, at::Device device);
  // Those of a file, with the config's updates; throws what `source` throws.
  static AdapterTensors taken(const ModelConfig& config, const LlmShape& shape,
                              TensorSource& source, at::Device device);

  const UpdatesConfig& updates() const noexcept { return updates_; }
  const std::map<std::string, at::Tensor>& all() const noexcept { return tensors_; }
  at::Tensor get(const std::string& name) const { return tensors_.at(name); }
  // New numbers of the same shape; the tensor stays the leaf that it was.
  void set(const std::string& name, const at::Tensor& numbers);

  // Those that learn, in the order of their names.
  std::vector<std::string> learned_names() const;
  static bool is_of_projector(std::string_view name);
  // Of the full update of one of a block's matrices.
  static std::string full_name(int layer, DecoderPart part);
  std::vector<at::Tensor> learned() const;
  int64_t learned_numbers() const;

  ProjectorTensors projector() const;
  // The update of one of a block's matrices.
  MatrixUpdate update(int layer, DecoderPart part) const;

 private:
  explicit AdapterTensors(const UpdatesConfig& updates) : updates_(updates) {}
  void add(const std::string& name, const at::Tensor& numbers, at::Device device);

  UpdatesConfig updates_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace m3
