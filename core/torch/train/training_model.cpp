#include "core/torch/train/training_model.h"

#include <ATen/ops/sub.h>

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/model/gguf.h"
#include "core/model/gguf_tokenizer.h"
#include "core/model/llava_config.h"
#include "core/torch/device.h"
#include "core/torch/fingerprint.h"
#include "core/torch/llama_weights.h"
#include "core/torch/memory_check.h"
#include "core/torch/model_load.h"
#include "core/torch/weights.h"

namespace m3 {
namespace {

constexpr int kUsualRank = 32;
// Of full updates: the matrices, what is added to them, its gradients and their two moments.
constexpr int kCopiesOfFull = 5;

std::string in_folder(const ModelConfig& config, const std::string& file) {
  return (std::filesystem::path(config.folder) / file).string();
}

ModelConfig config_of(const TrainerOptions& options) {
  const std::string path = find_model(options.model);
  if (is_llava_config(path)) {
    throw Error(ErrorCode::kUnsupported,
                path + ": only models of this project's own layout can be trained");
  }
  ModelConfig config = read_model_config(path);
  if (!config.tower.weights || !config.llm_file || config.adapter.empty()) {
    throw Error(ErrorCode::kUnsupported,
                path + ": names no weights (tower.weights, llm_file, adapter) to begin with");
  }
  return config;
}

UpdatesConfig updates_of(const TrainerOptions& options, const ModelConfig& config) {
  const auto mismatch = [](const std::string& what) { throw Error(ErrorCode::kMismatch, what); };
  if (options.full) {
    if (options.rank != 0) mismatch("full updates have no rank; give full or a rank, not both");
    UpdatesConfig updates;
    updates.full = true;
    return updates;
  }
  if (options.keep_adapter) {
    if (config.updates.full)
      mismatch("the model's updates are full, and so must their training be");
    if (options.rank != 0 && options.rank != config.updates.rank) {
      mismatch("the model's updates have rank " + std::to_string(config.updates.rank) + "; rank " +
               std::to_string(options.rank) + " needs a beginning anew");
    }
    return config.updates;
  }
  UpdatesConfig updates;
  updates.rank = config.updates.rank != 0 ? config.updates.rank : kUsualRank;
  if (options.rank != 0) updates.rank = options.rank;
  return updates;
}

// The model's projector, and as full updates what its low-rank ones add.
AdapterTensors made_full(const ModelConfig& config, const LlmShape& shape, const Gguf& gguf,
                         TensorSource& source, at::Device device) {
  UpdatesConfig full;
  full.full = true;
  AdapterTensors made = AdapterTensors::fresh(config, shape, full, 0, device);
  for (const auto& [name, tensor] : made.all()) {
    if (AdapterTensors::is_of_projector(name))
      made.set(name, source.take(name, tensor.sizes().vec()));
  }
  const auto base = llama_from_gguf(gguf, shape);
  const auto updated = with_updates(llama_from_gguf(gguf, shape), shape, config.updates, source);
  for (int layer = 0; layer < shape.layers; ++layer) {
    const LlamaBlock before = base->block(layer);
    const LlamaBlock after = updated->block(layer);
    const auto set = [&](DecoderPart part, const at::Tensor& from, const at::Tensor& to) {
      made.set(AdapterTensors::full_name(layer, part), at::sub(to, from));
    };
    set(DecoderPart::kQkv, before.qkv, after.qkv);
    set(DecoderPart::kOut, before.out, after.out);
    set(DecoderPart::kGateUp, before.gate_up, after.gate_up);
    set(DecoderPart::kDown, before.down, after.down);
  }
  return made;
}

}  // namespace

TrainingModel load_training_model(const TrainerOptions& options, const ProgressFn& progress,
                                  std::stop_token stop) {
  const auto report = [&](double fraction, std::string_view what) {
    if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "loading the model was stopped");
    if (progress) progress(fraction, what);
  };
  if (options.dtype == "float16") {
    throw Error(ErrorCode::kInvalidArgument,
                "Dtype \"float16\" is not for training, where small gradients would become zero; "
                "give auto, float32 or bfloat16");
  }
  report(0, "reading files");
  const ModelConfig config = config_of(options);
  const at::Device device = open_device(options.device);
  const at::ScalarType dtype = open_dtype(options.dtype, device);
  const UpdatesConfig updates = updates_of(options, config);
  const std::string tower_path = find_base_file(config, *config.tower.weights);
  const std::string llm_path = find_base_file(config, *config.llm_file);
  Fingerprint fingerprint;
  fingerprint.add_file(in_folder(config, config.tower.graph));
  fingerprint.add_file(tower_path);
  fingerprint.add(&config.preprocess.size_px, sizeof config.preprocess.size_px);
  const std::string tower_id = fingerprint.text();
  fingerprint.add_file(llm_path);
  if (options.keep_adapter) fingerprint.add_file(in_folder(config, config.adapter));
  fingerprint.add(&updates.rank, sizeof updates.rank);
  fingerprint.add(&updates.full, sizeof updates.full);

  const Gguf gguf = Gguf::open(llm_path);
  const LlmShape shape = read_llama_shape(gguf);
  auto tokenizer = make_tokenizer(gguf);
  check_vocabulary(*tokenizer, shape, config.folder + "/config.json");
  check_weights_fit(options.model, resident_numbers(shape) * (updates.full ? kCopiesOfFull : 1),
                    largest_matrix(shape), device, updates.full ? at::kFloat : dtype);
  report(0.05, "vision tower");
  SafetensorsSource tower_weights(tower_path);
  auto tower = std::make_unique<const GraphTower>(in_folder(config, config.tower.graph),
                                                  tower_weights, config.tower,
                                                  config.preprocess.size_px, device, at::kFloat);
  report(0.15, "adapter");
  AdapterTensors adapter = [&] {
    if (!options.keep_adapter)
      return AdapterTensors::fresh(config, shape, updates, options.seed, device);
    SafetensorsSource source(in_folder(config, config.adapter));
    if (updates.full && !config.updates.full) return made_full(config, shape, gguf, source, device);
    return AdapterTensors::taken(config, shape, source, device);
  }();
  const std::unique_ptr<LlamaWeights> base = llama_from_gguf(gguf, shape);
  auto decoder = std::make_unique<const Decoder>(
      shape, *base, device, dtype,
      [&](double done) { report(kBeforeLlm + (1 - kBeforeLlm) * done, "language model"); },
      [&](int layer, DecoderPart part, const at::Tensor& weight, const at::Tensor& bias) {
        return Linear::plain(weight, bias, device, dtype, adapter.update(layer, part));
      });
  return {config,
          tower_id,
          fingerprint.text(),
          device,
          dtype,
          std::move(tower),
          std::move(adapter),
          std::move(decoder),
          WindowLayout(config.chat, std::move(tokenizer), config.attention)};
}

}  // namespace m3
