// The tiny seeded model of the tests, loaded once in a process, and small helpers around tensors.
// Threads: used from one thread at a time.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/torch/model.h"
#include "core/torch/token_pool.h"
#include "core/torch/weights.h"
#include "tests/support/temporary_folder.h"

namespace m3::test {

inline std::string tiny_name(int seed = 7) {
  return std::string("random:") + M3_TINY_MODEL + "/config.json," + std::to_string(seed);
}

inline std::unique_ptr<const Model> load_tiny(const std::string& name, const std::string& dtype) {
  const c10::InferenceMode inference;
  EngineOptions options;
  options.model = name;
  options.dtype = dtype;
  options.device = "cpu";
  return load_model(options, {}, {});
}

// The same numbers in a model whose window is plainly causal.
inline std::unique_ptr<const Model> load_tiny_causal(const std::string& dtype) {
  const auto text = [](const std::string& name) {
    std::ostringstream all;
    all << std::ifstream(std::string(M3_TINY_MODEL) + "/" + name).rdbuf();
    return all.str();
  };
  TemporaryFolder folder;
  std::string config = text("config.json");
  config.replace(config.find("\"spans\""), 7, "\"causal\"");
  folder.write("config.json", config);
  folder.write("tower.json", text("tower.json"));
  return load_tiny("random:" + folder.path() + "/config.json,7", dtype);
}

inline const Model& tiny_model() {
  static const auto model = load_tiny(tiny_name(), "float32");
  return *model;
}

inline const Model& tiny_causal_model() {
  static const auto model = load_tiny_causal("float32");
  return *model;
}

inline const Model& tiny_bfloat16_model() {
  static const auto model = load_tiny(tiny_name(), "bfloat16");
  return *model;
}

inline const Model& tiny_causal_bfloat16_model() {
  static const auto model = load_tiny_causal("bfloat16");
  return *model;
}

// Seeded numbers of this shape, with a standard deviation of 1.
inline at::Tensor numbers(uint64_t seed, const Shape& shape) {
  return RandomSource(seed).uniform(shape, 1);
}

inline double relative_error(const at::Tensor& found, const at::Tensor& wanted) {
  return (found - wanted).norm().item<double>() / wanted.norm().item<double>();
}

// Tokens as the tower of the tiny model could have made them: a 6x6 grid, showing `scale` of them.
inline Tokens made_tokens(uint64_t seed, int scale) {
  const Model& model = tiny_model();
  const at::Tensor values = RandomSource(seed).uniform({36, model.info.embedding_dim}, 0.5);
  return Tokens(std::make_shared<DeviceTokens>(6, values), model.ladder).pool_to(scale);
}

inline constexpr int64_t kSecond = 1'000'000'000;

}  // namespace m3::test
