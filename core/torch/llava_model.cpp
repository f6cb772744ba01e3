// A LLaVA model in Hugging Face's layout: config.json, safetensors and tokenizer files in a folder.
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/model/checkpoint.h"
#include "core/model/llava_chat.h"
#include "core/model/llava_config.h"
#include "core/torch/clip_tower.h"
#include "core/torch/fingerprint.h"
#include "core/torch/llama_weights.h"
#include "core/torch/llava_projector.h"
#include "core/torch/llava_tokenizer.h"
#include "core/torch/memory_check.h"
#include "core/torch/model_load.h"
#include "core/torch/weights.h"

namespace m3 {
namespace {

int64_t resident_numbers(const LlavaConfig& config) {
  const int64_t hidden = config.tower.hidden;
  const int64_t layer = 4 * hidden * hidden + 2 * hidden * config.tower.intermediate;
  const int64_t projector = int64_t{config.llm.hidden} * (config.features() + config.llm.hidden);
  return config.tower.layers * layer + projector + m3::resident_numbers(config.llm);
}

std::string config_file(const LoadRequest& request, const LlavaConfig& config) {
  return request.path.ends_with(".json") ? request.path : config.folder + "/config.json";
}

// What is read, or made, and under which id.
struct Sources {
  std::unique_ptr<TensorSource> tensors;
  RandomSource* random = nullptr;  // `tensors`, when it is one
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string id;

  std::unique_ptr<LlamaWeights> llama(const LlmShape& shape) {
    return random ? random_llama(shape, *random) : llama_from_tensors(*tensors, shape);
  }
};

Sources open_files(const LlavaConfig& config, const std::string& config_path) {
  Sources sources;
  Fingerprint fingerprint;
  fingerprint.add_file(config_path);
  sources.tokenizer = open_llava_tokenizer(config.folder);
  Checkpoint checkpoint = Checkpoint::open(config.folder);
  for (const Safetensors& file : checkpoint.files()) {
    fingerprint.add(file.file()->bytes().data(), file.file()->bytes().size());
  }
  sources.id = fingerprint.text();
  sources.tensors = std::make_unique<CheckpointSource>(std::move(checkpoint));
  return sources;
}

Sources make_random(const std::string& config_path, uint64_t seed) {
  Sources sources;
  Fingerprint fingerprint;
  fingerprint.add_file(config_path);
  fingerprint.add(&seed, sizeof seed);
  sources.id = fingerprint.text();
  auto random = std::make_unique<RandomSource>(seed);
  sources.random = random.get();
  sources.tensors = std::move(random);
  sources.tokenizer = make_byte_tokenizer({"<s>", "</s>"});
  return sources;
}

std::string phrase(const ClipShape& tower, size_t layers) {
  const std::string side = std::to_string(tower.grid());
  return "CLIP ViT, " + std::to_string(layers) + " of " + std::to_string(tower.layers) +
         " layers of " + std::to_string(tower.hidden) + ", " + std::to_string(tower.image_px) +
         " px, " + side + "x" + side + " patches";
}

}  // namespace

std::unique_ptr<Model> load_llava_model(const LoadRequest& request) {
  const LlavaConfig config = read_llava_config(request.path);
  const std::string config_path = config_file(request, config);
  check_weights_fit(request.model, resident_numbers(config), largest_matrix(config.llm),
                    request.device, request.dtype);
  request.report(0, "reading files");
  Sources sources = request.random_seed ? make_random(config_path, *request.random_seed)
                                        : open_files(config, config_path);
  check_vocabulary(*sources.tokenizer, config.llm, config_path);
  const std::optional<FoundChat> chat =
      request.random_seed ? std::nullopt : find_chat(config.folder);
  WindowLayout layout(llava_chat(*sources.tokenizer, chat), sources.tokenizer, Attention::kCausal,
                      request.random_seed ? std::vector<int32_t>{} : config.end_ids);
  request.report(0.05, "vision tower");
  auto tower = std::make_unique<ClipTower>(*sources.tensors, config.tower, config.feature_layers,
                                           request.device, request.dtype);
  request.report(0.15, "projector");
  auto projector =
      std::make_unique<LlavaProjector>(*sources.tensors, config, request.device, request.dtype);
  const std::unique_ptr<LlamaWeights> llama = sources.llama(config.llm);
  Decoder decoder(config.llm, *llama, request.device, request.dtype, [&](double done) {
    request.report(kBeforeLlm + (1 - kBeforeLlm) * done, "language model");
  });
  ModelInfo info;
  info.id = sources.id;
  info.name = (request.random_seed ? "random " : "") + config.name;
  info.family = "llava";
  info.tower = phrase(config.tower, tower->layers());
  info.projector = "two layers, " + std::to_string(config.features()) + " to " +
                   std::to_string(config.llm.hidden);
  auto model = std::make_unique<Model>(
      Model{std::move(info), std::make_shared<const std::vector<int>>(config.ladder),
            request.device, request.dtype, config.fit, config.pixels, config.tower.grid(),
            std::move(tower), std::move(projector), std::move(decoder), std::move(layout)});
  complete_info(*model);
  return model;
}

}  // namespace m3
