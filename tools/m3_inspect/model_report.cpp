#include "tools/m3_inspect/model_report.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/machine_memory.h"
#include "core/model/checkpoint.h"
#include "core/model/gguf.h"
#include "core/model/llava_chat.h"
#include "core/model/llava_config.h"
#include "core/model/model_config.h"
#include "core/model/safetensors.h"

namespace m3::inspect {
namespace {

struct DtypeSize {
  const char* name;
  int bytes;
};
constexpr DtypeSize kDtypes[] = {{"float32", 4}, {"bfloat16", 2}};
constexpr int kWindowWithoutTraining =
    1024;  // visual tokens, as SessionOptions::window_tokens has it

int64_t file_bytes(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

int64_t parameters_of(const Safetensors& file) {
  int64_t sum = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    sum += static_cast<int64_t>(tensor.bytes.size() / size_of(tensor.dtype));
  }
  return sum;
}

int64_t parameters_of(const Gguf& file) {
  int64_t sum = 0;
  for (const auto& [name, tensor] : file.tensors()) sum += tensor.elements();
  return sum;
}

int64_t parameters_of(const LlmShape& shape) {
  const int64_t hidden = shape.hidden;
  const int64_t attention = 2 * hidden * shape.head_dim * (shape.heads + shape.kv_heads);
  const int64_t mlp = 3 * hidden * shape.intermediate;
  const int64_t embedding = int64_t{shape.vocabulary} * hidden * (shape.tied_head ? 1 : 2);
  return embedding + shape.layers * (attention + mlp + 2 * hidden) + hidden;
}

// A part whose file is found by `find` and read by `count`; what they throw becomes its problem.
ModelPart look_at(std::string name, const std::function<std::string()>& find,
                  const std::function<int64_t(const std::string&)>& count) {
  ModelPart part;
  part.name = std::move(name);
  try {
    part.path = find();
    part.bytes = file_bytes(part.path);
    part.parameters = count(part.path);
  } catch (const Error& error) {
    part.problem = error.what();
  }
  return part;
}

std::vector<ModelPart> look_at_parts(const ModelConfig& config) {
  const auto count_safetensors = [](const std::string& path) {
    return parameters_of(Safetensors::open(path));
  };
  std::vector<ModelPart> parts;
  if (config.tower.weights) {
    parts.push_back(look_at(
        "tower", [&] { return find_base_file(config, *config.tower.weights); }, count_safetensors));
  }
  if (!config.adapter.empty()) {
    parts.push_back(look_at(
        "adapter", [&] { return (std::filesystem::path(config.folder) / config.adapter).string(); },
        count_safetensors));
  }
  if (config.llm_file) {
    parts.push_back(look_at(
        "LLM", [&] { return find_base_file(config, *config.llm_file); },
        [](const std::string& path) { return parameters_of(Gguf::open(path)); }));
    if (parts.back().parameters == 0 && config.llm) {
      parts.back().parameters = parameters_of(*config.llm);
    }
  }
  return parts;
}

std::string phrase(const LlmShape& shape) {
  return "Llama, " + std::to_string(shape.layers) + " layers, width " +
         std::to_string(shape.hidden) + ", " + std::to_string(shape.heads) + " heads / " +
         std::to_string(shape.kv_heads) + " kv of " + std::to_string(shape.head_dim);
}

ModelInfo info_of(const ModelConfig& config) {
  ModelInfo info;
  info.name = config.name;
  info.family = "adapter";
  const std::string side = std::to_string(config.tower.grid);
  info.tower = config.tower.graph + ", " + side + "x" + side + " cells of " +
               std::to_string(config.tower.features) + " at " +
               std::to_string(config.preprocess.size_px) + " px";
  info.projector =
      "linear and MLP of " + std::to_string(config.projector.hidden) + ", tables of places";
  if (config.llm) {
    info.llm = phrase(*config.llm);
    info.embedding_dim = config.llm->hidden;
    info.context_tokens = config.llm->context;
    // Keys and values of one position, in float32.
    info.kv_bytes_per_token =
        int64_t{2} * config.llm->layers * config.llm->kv_heads * config.llm->head_dim * 4;
  }
  if (config.updates.rank > 0)
    info.llm += " with updates of rank " + std::to_string(config.updates.rank);
  if (config.updates.full) info.llm += " with full updates";
  info.attention = config.attention == Attention::kSpans ? "spans" : "causal";
  info.ladder = config.ladder;
  info.layout_version = config.layout_version;
  info.trained_frames = config.trained_frames;
  info.trained_visual_tokens = config.trained_visual_tokens;
  return info;
}

int64_t parameters_of(const LlavaConfig& config) {
  const int64_t hidden = config.tower.hidden;
  const int64_t layer = 4 * hidden * hidden + 2 * hidden * config.tower.intermediate;
  const int64_t patches = hidden * 3 * config.tower.patch_px * config.tower.patch_px;
  const int64_t projector = int64_t{config.llm.hidden} * (config.features() + config.llm.hidden);
  return parameters_of(config.llm) + config.tower.layers * layer + patches + projector;
}

ModelInfo info_of(const LlavaConfig& config) {
  ModelInfo info;
  info.name = config.name;
  info.family = "llava";
  const std::string side = std::to_string(config.tower.grid());
  info.tower = "CLIP ViT, " + std::to_string(config.tower.layers) + " layers of " +
               std::to_string(config.tower.hidden) + ", " + side + "x" + side + " patches at " +
               std::to_string(config.tower.image_px) + " px";
  info.projector = "two layers, " + std::to_string(config.features()) + " to " +
                   std::to_string(config.llm.hidden);
  info.llm = phrase(config.llm);
  info.embedding_dim = config.llm.hidden;
  info.context_tokens = config.llm.context;
  info.kv_bytes_per_token =
      int64_t{2} * config.llm.layers * config.llm.kv_heads * config.llm.head_dim * 4;
  info.attention = "causal";
  info.ladder = config.ladder;
  info.layout_version = kLayoutVersion;
  info.parameters = parameters_of(config);
  return info;
}

// One part for all files of weights, and one for the tokenizer.
std::vector<ModelPart> look_at_parts(const LlavaConfig& config) {
  ModelPart weights{.name = "weights"};
  try {
    const Checkpoint checkpoint = Checkpoint::open(config.folder);
    weights.path = config.folder;
    for (const Safetensors& file : checkpoint.files()) weights.bytes += file_bytes(file.path());
    weights.parameters = checkpoint.parameters();
  } catch (const Error& error) {
    weights.problem = error.what();
  }
  ModelPart tokenizer{.name = "tokenizer"};
  for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
    const auto path = (std::filesystem::path(config.folder) / name).string();
    if (!tokenizer.path.empty() || file_bytes(path) == 0) continue;
    tokenizer.path = path;
    tokenizer.bytes = file_bytes(path);
  }
  if (tokenizer.path.empty()) {
    tokenizer.problem =
        config.folder + ": holds neither tokenizer.json nor tokenizer.model; one of them is needed";
  }
  return {weights, tokenizer};
}

// Windows that people ask about: the trained one, the usual one, and all that the context holds.
std::set<int> windows_of(const ModelInfo& info) {
  std::set<int> windows = {kWindowWithoutTraining};
  if (info.trained_visual_tokens > 0) windows.insert(info.trained_visual_tokens);
  if (info.context_tokens > 0) windows.insert(info.context_tokens);
  return windows;
}

std::vector<MemoryNeed> needs_of(const ModelInfo& info, int64_t free_bytes) {
  std::vector<MemoryNeed> needs;
  for (const auto& [name, bytes] : kDtypes) {
    for (const int window : windows_of(info)) {
      MemoryNeed need{.dtype = name, .visual_tokens = window};
      need.weight_bytes = info.parameters * bytes;
      need.window_bytes = info.kv_bytes_per_token * bytes / 4 * window;
      need.fits = free_bytes == 0 || need.weight_bytes + need.window_bytes <= free_bytes;
      needs.push_back(need);
    }
  }
  return needs;
}

constexpr std::string_view kFake = "fake:";      // has no files
constexpr std::string_view kRandom = "random:";  // has a config and no weights

ModelReport report_fake(const EngineOptions& options) {
  ModelReport report;
  report.source = options.model;
  report.info = shared_engine(options)->info();
  return report;
}

// "random:CONFIG.json[,SEED]": making a large model's weights just to count them would be dear.
ModelReport report_random(const std::string& model) {
  ModelReport report;
  report.source = model.substr(kRandom.size());
  const std::string path = report.source.substr(0, report.source.rfind(','));
  if (is_llava_config(path)) {
    report.info = info_of(read_llava_config(path));
    return report;
  }
  const ModelConfig config = read_model_config(path);
  report.info = info_of(config);
  if (config.llm) report.info.parameters = parameters_of(*config.llm);
  return report;
}

ModelReport report_folder(const std::string& model) {
  ModelReport report;
  const std::string path = find_model(model);
  if (is_llava_config(path)) {
    const LlavaConfig config = read_llava_config(path);
    report.source = config.folder;
    report.chat = describe_chat(find_chat(config.folder));
    report.info = info_of(config);
    report.parts = look_at_parts(config);
    return report;
  }
  const ModelConfig config = read_model_config(path);
  report.source = config.folder;
  report.info = info_of(config);
  report.parts = look_at_parts(config);
  for (const ModelPart& part : report.parts) report.info.parameters += part.parameters;
  return report;
}

}  // namespace

std::vector<std::string> ModelReport::problems() const {
  std::vector<std::string> found;
  for (const ModelPart& part : parts) {
    if (!part.problem.empty()) found.push_back(part.problem);
  }
  return found;
}

ModelReport report_model(const EngineOptions& options) {
  ModelReport report = options.model.starts_with(kFake)     ? report_fake(options)
                       : options.model.starts_with(kRandom) ? report_random(options.model)
                                                            : report_folder(options.model);
  report.free_bytes = free_memory_bytes();
  if (report.info.parameters > 0) report.needs = needs_of(report.info, report.free_bytes);
  return report;
}

}  // namespace m3::inspect
