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

inline const Model& tiny_model() {
  static const std::unique_ptr<const Model> model = [] {
    const c10::InferenceMode inference;
    EngineOptions options;
    options.model = tiny_name();
    options.dtype = "float32";
    options.device = "cpu";
    return load_model(options, {}, {});
  }();
  return *model;
}

// The same numbers in a model whose window is plainly causal.
inline const Model& tiny_causal_model() {
  static const std::unique_ptr<const Model> model = [] {
    const c10::InferenceMode inference;
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
    EngineOptions options;
    options.model = "random:" + folder.path() + "/config.json,7";
    options.dtype = "float32";
    options.device = "cpu";
    return load_model(options, {}, {});
  }();
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
