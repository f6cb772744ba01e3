// A model in our own layout: an adapter over base weights that come from elsewhere.
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/model/gguf.h"
#include "core/model/gguf_tokenizer.h"
#include "core/torch/adapter_projector.h"
#include "core/torch/fingerprint.h"
#include "core/torch/graph_tower.h"
#include "core/torch/llama_weights.h"
#include "core/torch/memory_check.h"
#include "core/torch/model_load.h"
#include "core/torch/weights.h"

namespace m3 {
namespace {

std::string in_folder(const ModelConfig& config, const std::string& file) {
  return (std::filesystem::path(config.folder) / file).string();
}

// What a load reads, opened before the slow part begins: whatever is missing is said at once.
struct Sources {
  std::unique_ptr<TensorSource> tower;
  std::unique_ptr<TensorSource> adapter;
  std::unique_ptr<RandomSource> random;  // instead of the two above
  std::optional<Gguf> gguf;
  LlmShape shape;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string id;

  TensorSource& of_tower() { return random ? *random : *tower; }
  TensorSource& of_adapter() { return random ? *random : *adapter; }
  std::unique_ptr<LlamaWeights> llama(const ModelConfig& config) {
    if (random) return random_llama(shape, *random);
    auto base = llama_from_gguf(*gguf, shape);
    if (!config.updates.any()) return base;
    return with_updates(std::move(base), shape, config.updates, *adapter);
  }
};

void require(bool there, const ModelConfig& config, const char* key) {
  if (there) return;
  throw Error(ErrorCode::kCorrupt, config.folder + "/config.json: \"" + key +
                                       "\" is missing; without it only random:" + config.folder +
                                       "/config.json can be opened");
}

bool same_shape(const LlmShape& a, const LlmShape& b) {
  return a.hidden == b.hidden && a.intermediate == b.intermediate && a.layers == b.layers &&
         a.heads == b.heads && a.kv_heads == b.kv_heads && a.head_dim == b.head_dim &&
         a.vocabulary == b.vocabulary && a.tied_head == b.tied_head;
}

Sources open_files(const ModelConfig& config) {
  require(config.tower.weights.has_value(), config, "tower.weights");
  require(config.llm_file.has_value(), config, "llm_file");
  require(!config.adapter.empty(), config, "adapter");
  Sources sources;
  Fingerprint fingerprint;
  for (const std::string& file : {std::string("config.json"), config.tower.graph, config.adapter}) {
    fingerprint.add_file(in_folder(config, file));
  }
  const std::string tower_path = find_base_file(config, *config.tower.weights);
  const std::string llm_path = find_base_file(config, *config.llm_file);
  fingerprint.add_file(tower_path);
  fingerprint.add_file(llm_path);
  sources.id = fingerprint.text();
  sources.tower = std::make_unique<SafetensorsSource>(tower_path);
  sources.adapter = std::make_unique<SafetensorsSource>(in_folder(config, config.adapter));
  sources.gguf = Gguf::open(llm_path);
  sources.shape = read_llama_shape(*sources.gguf);
  if (config.llm && !same_shape(*config.llm, sources.shape)) {
    throw Error(ErrorCode::kMismatch, llm_path + " is not of the shape that " + config.folder +
                                          "/config.json gives under \"llm\"");
  }
  sources.tokenizer = make_tokenizer(*sources.gguf);
  return sources;
}

Sources open_random(const ModelConfig& config, const std::string& path, uint64_t seed) {
  require(config.llm.has_value(), config, "llm");
  Sources sources;
  Fingerprint fingerprint;
  fingerprint.add_file(std::filesystem::is_directory(path) ? in_folder(config, "config.json")
                                                           : path);
  fingerprint.add_file(in_folder(config, config.tower.graph));
  fingerprint.add(&seed, sizeof seed);
  sources.id = fingerprint.text();
  sources.random = std::make_unique<RandomSource>(seed);
  sources.shape = *config.llm;
  sources.tokenizer = make_byte_tokenizer(config.special_tokens);
  return sources;
}

}  // namespace

std::unique_ptr<Model> load_adapter_model(const LoadRequest& request) {
  const ModelConfig config = read_model_config(request.path);
  request.report(0, "reading files");
  Sources sources = request.random_seed ? open_random(config, request.path, *request.random_seed)
                                        : open_files(config);
  const LlmShape& shape = sources.shape;
  WindowLayout layout(config.chat, sources.tokenizer, config.attention);
  check_vocabulary(*sources.tokenizer, shape, config.folder + "/config.json");
  check_weights_fit(request.model, resident_numbers(shape), largest_matrix(shape), request.device,
                    request.dtype);
  const int cells = config.tower.grid * config.tower.grid;
  request.report(0.05, "vision tower");
  auto tower = std::make_unique<GraphTower>(
      in_folder(config, config.tower.graph), sources.of_tower(), config.tower,
      config.preprocess.size_px, request.device, request.dtype);
  request.report(0.15, "projector");
  auto projector = std::make_unique<AdapterProjector>(sources.of_adapter(), config.tower.features,
                                                      config.projector.hidden, shape.hidden, cells,
                                                      request.device, request.dtype);
  const std::unique_ptr<LlamaWeights> llama = sources.llama(config);
  Decoder decoder(shape, *llama, request.device, request.dtype, [&](double done) {
    request.report(kBeforeLlm + (1 - kBeforeLlm) * done, "language model");
  });
  ModelInfo info;
  info.id = sources.id;
  info.name = (request.random_seed ? "random " : "") + config.name;
  info.family = "adapter";
  info.tower = "graph of " + std::to_string(tower->parameters()) + " weights, " +
               std::to_string(config.preprocess.size_px) + " px, " +
               std::to_string(config.tower.grid) + "x" + std::to_string(config.tower.grid) +
               " cells of " + std::to_string(config.tower.features);
  info.projector = "linear beside an MLP of " + std::to_string(config.projector.hidden);
  info.trained_frames = config.trained_frames;
  info.trained_visual_tokens = config.trained_visual_tokens;
  PictureFit fit;
  fit.kind = PictureFit::Kind::kStretch;
  fit.size_px = config.preprocess.size_px;
  auto model = std::make_unique<Model>(
      Model{std::move(info), std::make_shared<const std::vector<int>>(config.ladder),
            request.device, request.dtype, fit, std::nullopt, config.tower.grid, std::move(tower),
            std::move(projector), std::move(decoder), std::move(layout)});
  complete_info(*model);
  return model;
}

}  // namespace m3
