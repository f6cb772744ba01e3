#include "core/torch/model.h"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/torch/border.h"
#include "core/torch/device.h"
#include "core/torch/model_load.h"

namespace m3 {
namespace {

constexpr std::string_view kRandom = "random:";

// Splits "random:CONFIG.json[,SEED]"; any other text is a model's name.
void parse_name(const std::string& model, LoadRequest& request) {
  if (!model.starts_with(kRandom)) {
    request.path = find_model(model);
    return;
  }
  request.path = model.substr(kRandom.size());
  request.random_seed = 0;
  const size_t comma = request.path.rfind(',');
  if (comma == std::string::npos) return;
  const std::string digits = request.path.substr(comma + 1);
  const char* end = digits.data() + digits.size();
  const auto [rest, status] = std::from_chars(digits.data(), end, *request.random_seed);
  if (status != std::errc() || rest != end) {
    throw Error(ErrorCode::kInvalidArgument,
                "Model \"" + model + "\": \"" + digits +
                    "\" is no seed; give random:CONFIG.json or random:CONFIG.json,NUMBER");
  }
  request.path.resize(comma);
}

}  // namespace

void complete_info(Model& model) {
  const LlmShape& shape = model.decoder.shape();
  ModelInfo& info = model.info;
  info.device = name_of(model.device);
  info.dtype = name_of(model.dtype);
  info.llm = "Llama, " + std::to_string(shape.layers) + " layers of " +
             std::to_string(shape.hidden) + ", " + std::to_string(shape.heads) + " heads over " +
             std::to_string(shape.kv_heads);
  info.attention = model.layout.attention() == Attention::kSpans ? "spans" : "causal";
  info.ladder = *model.ladder;
  info.embedding_dim = shape.hidden;
  info.layout_version = kLayoutVersion;
  info.context_tokens = shape.context;
  const int64_t element_bytes = static_cast<int64_t>(c10::elementSize(model.dtype));
  const int64_t vision = model.tower->parameters() + model.projector->parameters();
  info.parameters = vision + model.decoder.parameters();
  info.llm_block_parameters = model.decoder.block_parameters();
  info.llm_head_parameters = model.decoder.head_parameters();
  info.weight_bytes = (vision + model.decoder.resident_numbers()) * element_bytes;
  info.kv_bytes_per_token =
      int64_t{2} * shape.layers * shape.kv_heads * shape.head_dim * element_bytes;
}

void check_vocabulary(const Tokenizer& tokenizer, const LlmShape& shape, const std::string& path) {
  if (tokenizer.vocabulary() <= shape.vocabulary) return;
  throw Error(ErrorCode::kMismatch,
              path + ": the tokenizer knows " + std::to_string(tokenizer.vocabulary()) +
                  " tokens, the language model only " + std::to_string(shape.vocabulary));
}

std::unique_ptr<const Model> load_model(const EngineOptions& options, const ProgressFn& progress,
                                        std::stop_token stop) {
  return at_border("loading model " + options.model, [&]() -> std::unique_ptr<const Model> {
    const at::Device device = open_device(options.device);
    LoadRequest request{options.model, {}, {}, device, open_dtype(options.dtype, device), {}};
    request.report = [&](double fraction, std::string_view what) {
      if (stop.stop_requested())
        throw Error(ErrorCode::kCancelled, "loading model " + options.model + " was stopped");
      if (progress) progress(fraction, what);
    };
    parse_name(options.model, request);
    return is_llava_config(request.path) ? load_llava_model(request) : load_adapter_model(request);
  });
}

}  // namespace m3
