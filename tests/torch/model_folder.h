// ModelFolder: a whole model of the project's layout in a temporary folder, small, with files that
// can be made wrong on purpose before it is written. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/model/safetensors.h"
#include "core/torch/weights.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temporary_folder.h"

namespace m3::test {

class ModelFolder {
 public:
  using Tensors = std::map<std::string, at::Tensor>;

  ModelFolder() {
    config = nlohmann::json::parse(file("config.json"));
    config["tower"]["weights"] = {{"name", "tower.safetensors"}};
    config["adapter"] = "adapter.safetensors";
    config["llm_file"] = {{"name", "llm.gguf"}};
    config["low_rank"] = {{"rank", 2}, {"factor", 0.5}};
    config["chat"]["prefix"] = "hello{system}";
    config["chat"]["system"] = "hello";
    config["chat"]["question"] = "hello{question}!";
    config["chat"]["end"] = "<|end|>";
    config.erase("llm");
    config.erase("special_tokens");
    const auto graph = nlohmann::json::parse(file("tower.json"));
    for (const auto& operation : graph["operations"]) {
      if (operation["op"] != "conv2d") continue;
      const Shape shape = operation["shape"].get<Shape>();
      tower[operation["weight"]] = random_.take("", shape);
      tower[operation["bias"]] = random_.take("", {shape[0]});
    }
    const auto take = [&](const std::string& name, const Shape& shape) {
      adapter[name] = random_.take("", shape);
    };
    take("proj.mean", {39});
    take("proj.scale", {39});
    take("proj.linear.weight", {64, 39});
    take("proj.linear.bias", {64});
    take("proj.fc1.weight", {48, 39});
    take("proj.fc1.bias", {48});
    take("proj.fc2.weight", {64, 48});
    take("proj.fc2.bias", {64});
    take("proj.place_hidden", {36, 48});
    take("proj.place_out", {36, 64});
    for (int n = 0; n < kLayers; ++n) {
      const std::string block = "blocks." + std::to_string(n) + ".";
      take(block + "qkv_a", {6, 64});
      take(block + "qkv_b.0", {64, 2});
      take(block + "qkv_b.1", {32, 2});
      take(block + "qkv_b.2", {32, 2});
      take(block + "o_a", {2, 64});
      take(block + "o_b.0", {64, 2});
      take(block + "gu_a", {4, 64});
      take(block + "gu_b.0", {96, 2});
      take(block + "gu_b.1", {96, 2});
      take(block + "down_a", {2, 96});
      take(block + "down_b.0", {64, 2});
      for (const auto& [name, shape] :
           std::vector<std::pair<std::string, Shape>>{{"attn_norm", {64}},
                                                      {"attn_q", {64, 64}},
                                                      {"attn_k", {32, 64}},
                                                      {"attn_v", {32, 64}},
                                                      {"attn_output", {64, 64}},
                                                      {"ffn_norm", {64}},
                                                      {"ffn_gate", {96, 64}},
                                                      {"ffn_up", {96, 64}},
                                                      {"ffn_down", {64, 96}}}) {
        llm["blk." + std::to_string(n) + "." + name + ".weight"] = random_.take("", shape);
      }
    }
    llm["token_embd.weight"] = random_.take("", {12, 64});
    llm["output_norm.weight"] = random_.take("", {64});
  }

  // Writes all files and returns the folder.
  const std::string& write() const {
    folder_.write("config.json", config.dump());
    folder_.write("tower.json", file("tower.json"));
    write_safetensors(path("tower.safetensors"), entries(tower));
    write_safetensors(path("adapter.safetensors"), entries(adapter));
    GgufBuilder builder;
    builder.value("general.architecture", 8, GgufBuilder::text(architecture));
    for (const auto& [key, number] : numbers) builder.u32("llama." + key, number);
    builder.value("llama.attention.layer_norm_rms_epsilon", 6, GgufBuilder::raw(1e-5F));
    builder.value("llama.rope.freq_base", 6, GgufBuilder::raw(10000.0F));
    add_tiny_tokenizer(builder);
    for (const auto& [name, tensor] : llm) {
      std::vector<uint64_t> sizes(tensor.sizes().rbegin(), tensor.sizes().rend());
      builder.tensor(name, 0, sizes,
                     {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    folder_.write("llm.gguf", builder.bytes());
    return folder_.path();
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  nlohmann::json config;
  Tensors tower;
  Tensors adapter;
  Tensors llm;  // by GGUF names, float32
  std::string architecture = "llama";
  std::map<std::string, uint32_t> numbers = {
      {"embedding_length", 64},    {"feed_forward_length", 96},    {"block_count", kLayers},
      {"attention.head_count", 4}, {"attention.head_count_kv", 2}, {"context_length", 128}};

 private:
  static constexpr int kLayers = 2;

  static std::string file(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(std::string(M3_TINY_MODEL) + "/" + name).rdbuf();
    return text.str();
  }
  static std::vector<TensorToWrite> entries(const Tensors& tensors) {
    std::vector<TensorToWrite> all;
    for (const auto& [name, tensor] : tensors) {
      const DType dtype = tensor.scalar_type() == at::kBFloat16 ? DType::kBf16 : DType::kF32;
      all.push_back({name,
                     dtype,
                     tensor.sizes().vec(),
                     {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
    return all;
  }

  RandomSource random_{21};
  TemporaryFolder folder_;
};

}  // namespace m3::test
