// What the loaders of the kinds of models share.
// Threads: values and free functions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/tokenizer.h"
#include "core/torch/model.h"

namespace m3 {

struct LoadRequest {
  std::string model;                    // as the user gave it, for errors
  std::string path;                     // folder or config.json
  std::optional<uint64_t> random_seed;  // weights are made from it instead of being read
  at::Device device;
  at::ScalarType dtype;
  std::function<void(double, std::string_view)> report;  // throws to stop
};

// The share of the whole load that is done when the parts before the language model are there.
inline constexpr double kBeforeLlm = 0.2;

// A model in our own layout (core/model/model_config.h).
std::unique_ptr<Model> load_adapter_model(const LoadRequest& request);
// A LLaVA model in Hugging Face's layout (core/model/llava_config.h).
std::unique_ptr<Model> load_llava_model(const LoadRequest& request);

// Fills in what follows from the loaded parts: device, dtype, sizes, the language model's phrase.
void complete_info(Model& model);
// Throws kMismatch when the tokenizer has ids that the language model has no row for.
void check_vocabulary(const Tokenizer& tokenizer, const LlmShape& shape, const std::string& path);

}  // namespace m3
