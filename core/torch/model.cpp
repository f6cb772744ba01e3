#include "core/torch/model.h"

#include <xxhash.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/model/gguf.h"
#include "core/model/gguf_tokenizer.h"
#include "core/model/mapped_file.h"
#include "core/torch/border.h"
#include "core/torch/device.h"
#include "core/torch/llama_weights.h"
#include "core/torch/weights.h"

namespace m3 {
namespace {

constexpr std::string_view kRandom = "random:";

// The share of the whole load that is done when the parts before the language model are there.
constexpr double kBeforeLlm = 0.2;

// 16 hex digits over whatever was added.
class Fingerprint {
 public:
  Fingerprint() : state_(XXH3_createState()) { XXH3_64bits_reset(state_); }
  ~Fingerprint() { XXH3_freeState(state_); }
  Fingerprint(const Fingerprint&) = delete;
  Fingerprint& operator=(const Fingerprint&) = delete;

  void add(const void* data, size_t size) { XXH3_64bits_update(state_, data, size); }
  void add_file(const std::string& path) {
    const auto file = MappedFile::open(path);
    add(file->bytes().data(), file->bytes().size());
  }
  std::string text() const {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx",
                  static_cast<unsigned long long>(XXH3_64bits_digest(state_)));
    return digits;
  }

 private:
  XXH3_state_t* state_;
};

struct RandomName {
  std::string config_path;
  uint64_t seed = 0;
};

std::optional<RandomName> parse_random(std::string_view model) {
  if (!model.starts_with(kRandom)) return std::nullopt;
  model.remove_prefix(kRandom.size());
  RandomName name{std::string(model), 0};
  if (const size_t comma = model.rfind(','); comma != std::string_view::npos) {
    const std::string_view digits = model.substr(comma + 1);
    const auto [rest, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), name.seed);
    if (status != std::errc() || rest != digits.data() + digits.size()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "Model \"random:" + std::string(model) + "\": \"" + std::string(digits) +
                      "\" is no seed; give random:CONFIG.json or random:CONFIG.json,NUMBER");
    }
    name.config_path = std::string(model.substr(0, comma));
  }
  return name;
}

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
    if (config.low_rank.rank == 0) return base;
    return with_low_rank(std::move(base), shape, config.low_rank, *adapter);
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

Sources open_random(const ModelConfig& config, const RandomName& name) {
  require(config.llm.has_value(), config, "llm");
  Sources sources;
  Fingerprint fingerprint;
  fingerprint.add_file(std::filesystem::is_directory(name.config_path)
                           ? in_folder(config, "config.json")
                           : name.config_path);
  fingerprint.add_file(in_folder(config, config.tower.graph));
  fingerprint.add(&name.seed, sizeof name.seed);
  sources.id = fingerprint.text();
  sources.random = std::make_unique<RandomSource>(name.seed);
  sources.shape = *config.llm;
  sources.tokenizer = make_byte_tokenizer(config.special_tokens);
  return sources;
}

ModelInfo describe(const Model& model, const Sources& sources, bool random) {
  const LlmShape& shape = sources.shape;
  ModelInfo info;
  info.id = sources.id;
  info.name = (random ? "random " : "") + model.config.name;
  info.family = "adapter";
  info.device = name_of(model.device);
  info.dtype = name_of(model.dtype);
  info.tower = "graph of " + std::to_string(model.tower.parameters()) + " weights, " +
               std::to_string(model.config.preprocess.size_px) + " px, " +
               std::to_string(model.config.tower.grid) + "x" +
               std::to_string(model.config.tower.grid) + " cells of " +
               std::to_string(model.config.tower.features);
  info.projector = "linear beside an MLP of " + std::to_string(model.config.projector.hidden);
  info.llm = "Llama, " + std::to_string(shape.layers) + " layers of " +
             std::to_string(shape.hidden) + ", " + std::to_string(shape.heads) + " heads over " +
             std::to_string(shape.kv_heads);
  info.attention = model.config.attention == Attention::kSpans ? "spans" : "causal";
  info.ladder = model.config.ladder;
  info.embedding_dim = shape.hidden;
  info.layout_version = model.config.layout_version;
  info.context_tokens = shape.context;
  info.trained_frames = model.config.trained_frames;
  info.trained_visual_tokens = model.config.trained_visual_tokens;
  const int64_t element_bytes = static_cast<int64_t>(c10::elementSize(model.dtype));
  info.parameters =
      model.tower.parameters() + model.projector.parameters() + model.decoder.parameters();
  info.llm_block_parameters = model.decoder.block_parameters();
  info.llm_head_parameters = model.decoder.head_parameters();
  info.weight_bytes = model.resident_bytes();
  info.kv_bytes_per_token =
      int64_t{2} * shape.layers * shape.kv_heads * shape.head_dim * element_bytes;
  return info;
}

}  // namespace

int64_t Model::resident_bytes() const {
  return (tower.parameters() + projector.parameters() + decoder.resident_numbers()) *
         static_cast<int64_t>(c10::elementSize(dtype));
}

std::unique_ptr<const Model> load_model(const EngineOptions& options, const ProgressFn& progress,
                                        std::stop_token stop) {
  const auto report = [&](double fraction, std::string_view what) {
    if (stop.stop_requested())
      throw Error(ErrorCode::kCancelled, "loading model " + options.model + " was stopped");
    if (progress) progress(fraction, what);
  };
  return at_border("loading model " + options.model, [&] {
    const at::Device device = open_device(options.device);
    const at::ScalarType dtype = open_dtype(options.dtype, device);
    const std::optional<RandomName> random = parse_random(options.model);
    const ModelConfig config =
        read_model_config(random ? random->config_path : find_model(options.model));
    report(0, "reading files");
    Sources sources = random ? open_random(config, *random) : open_files(config);
    WindowLayout layout(config.chat, sources.tokenizer, config.attention);
    if (sources.tokenizer->vocabulary() > sources.shape.vocabulary) {
      throw Error(ErrorCode::kMismatch, config.folder + "/config.json: the tokenizer knows " +
                                            std::to_string(sources.tokenizer->vocabulary()) +
                                            " tokens, the language model only " +
                                            std::to_string(sources.shape.vocabulary));
    }
    const int cells = config.tower.grid * config.tower.grid;
    report(0.05, "vision tower");
    GraphTower tower(in_folder(config, config.tower.graph), sources.of_tower(), config.tower,
                     config.preprocess.size_px, device, dtype);
    report(0.15, "projector");
    Projector projector(sources.of_adapter(), config.tower.features, config.projector.hidden,
                        sources.shape.hidden, cells, device, dtype);
    const std::unique_ptr<LlamaWeights> llama = sources.llama(config);
    Decoder decoder(sources.shape, *llama, device, dtype, [&](double done) {
      report(kBeforeLlm + (1 - kBeforeLlm) * done, "language model");
    });
    auto model =
        std::make_unique<Model>(Model{config,
                                      {},
                                      std::make_shared<const std::vector<int>>(config.ladder),
                                      device,
                                      dtype,
                                      std::move(tower),
                                      std::move(projector),
                                      std::move(decoder),
                                      std::move(layout)});
    model->info = describe(*model, sources, random.has_value());
    return std::unique_ptr<const Model>(std::move(model));
  });
}

}  // namespace m3
