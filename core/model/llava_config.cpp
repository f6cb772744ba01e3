#include "core/model/llava_config.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/model/json_file.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

constexpr std::array<double, 3> kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr std::array<double, 3> kClipStd = {0.26862954, 0.26130258, 0.27577711};
constexpr int kBicubic = 3;  // Pillow's number of it

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, path + ": " + what);
}

std::string config_path(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored) ? (fs::path(path) / "config.json").string() : path;
}

int integer_or(JsonObject& object, std::string_view key, int least, int most, int otherwise) {
  return object.has_value(key) ? static_cast<int>(object.integer(key, least, most)) : otherwise;
}

double number_or(JsonObject& object, std::string_view key, double least, double most,
                 double otherwise) {
  return object.has_value(key) ? object.number(key, least, most) : otherwise;
}

bool boolean_or(JsonObject& object, std::string_view key, bool otherwise) {
  return object.has_value(key) ? object.boolean(key) : otherwise;
}

std::string text_or(JsonObject& object, std::string_view key, const char* otherwise) {
  return object.has_value(key) ? object.text(key) : otherwise;
}

// One whole number or several.
std::vector<int64_t> integers_of(JsonObject& object, std::string_view key, int64_t least,
                                 int64_t most) {
  if (object.is_array(key)) return object.integers(key, least, most);
  return {object.integer(key, least, most)};
}

Activation read_activation(JsonObject& object, std::string_view key, const char* otherwise) {
  static const std::map<std::string, Activation, std::less<>> known = {
      {"gelu", Activation::kGelu},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"quick_gelu", Activation::kQuickGelu},
      {"relu", Activation::kRelu},
      {"silu", Activation::kSilu},
      {"swish", Activation::kSilu},
  };
  const auto found = known.find(text_or(object, key, otherwise));
  if (found == known.end()) {
    object.fail(key,
                "must be gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu or silu; this build "
                "knows no other");
  }
  return found->second;
}

ClipShape read_tower(JsonObject object, const std::string& path) {
  const std::string type = text_or(object, "model_type", "clip_vision_model");
  if (type != "clip_vision_model") {
    refuse(path,
           "the vision tower \"" + type + "\" is not one this build runs (clip_vision_model)");
  }
  ClipShape tower;
  tower.hidden = integer_or(object, "hidden_size", 1, 65536, 768);
  tower.intermediate = integer_or(object, "intermediate_size", 1, 262144, 3072);
  tower.layers = integer_or(object, "num_hidden_layers", 1, 1024, 12);
  tower.heads = integer_or(object, "num_attention_heads", 1, 1024, 12);
  tower.image_px = integer_or(object, "image_size", 1, 4096, 224);
  tower.patch_px = integer_or(object, "patch_size", 1, 4096, 32);
  tower.epsilon = number_or(object, "layer_norm_eps", 0, 1, 1e-5);
  tower.activation = read_activation(object, "hidden_act", "quick_gelu");
  if (integer_or(object, "num_channels", 1, 4096, 3) != 3) object.fail("num_channels", "must be 3");
  if (tower.hidden % tower.heads != 0)
    object.fail("num_attention_heads", "must divide \"hidden_size\"");
  if (tower.image_px < tower.patch_px) object.fail("patch_size", "is larger than \"image_size\"");
  if (tower.image_px % tower.patch_px != 0) object.fail("patch_size", "must divide \"image_size\"");
  return tower;
}

// The defaults of LlavaConfig when there is no "vision_config": CLIP ViT-L/14 at 336 px.
ClipShape default_tower() {
  ClipShape tower;
  tower.hidden = 1024;
  tower.intermediate = 4096;
  tower.layers = 24;
  tower.heads = 16;
  tower.image_px = 336;
  tower.patch_px = 14;
  return tower;
}

RopeScaling read_scaling(JsonObject object, const std::string& path) {
  RopeScaling scaling;
  const char* key = object.has_value("rope_type") ? "rope_type" : "type";
  const std::string type = text_or(object, key, "default");
  if (type == "default") return scaling;
  if (type != "linear" && type != "llama3") {
    refuse(path, "rotary positions of the type \"" + type +
                     "\" are not something this build computes (default, linear, llama3)");
  }
  scaling.factor = object.number("factor", 1e-6, 1e6);
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    return scaling;
  }
  scaling.kind = RopeScaling::Kind::kLlama3;
  scaling.low_frequency_factor = object.number("low_freq_factor", 1e-6, 1e6);
  scaling.high_frequency_factor = object.number("high_freq_factor", 1e-6, 1e6);
  if (scaling.high_frequency_factor <= scaling.low_frequency_factor)
    object.fail("high_freq_factor", "must be above \"low_freq_factor\"");
  scaling.original_context =
      static_cast<int>(object.integer("original_max_position_embeddings", 1, 1 << 24));
  return scaling;
}

// What the families below differ in.
struct FamilyDefaults {
  int intermediate;
  int kv_heads;  // 0: as many as heads
  int context;
  double epsilon;
  int vocabulary;
  bool qkv_bias;
};

const std::map<std::string, FamilyDefaults, std::less<>>& families() {
  static const std::map<std::string, FamilyDefaults, std::less<>> known = {
      {"llama", {11008, 0, 2048, 1e-6, 32000, false}},
      {"mistral", {14336, 8, 131072, 1e-6, 32000, false}},
      {"qwen2", {22016, 32, 32768, 1e-6, 151936, true}},
  };
  return known;
}

LlmShape read_llm(JsonObject object, const std::string& path) {
  const std::string type = text_or(object, "model_type", "llama");
  const auto family = families().find(type);
  if (family == families().end()) {
    refuse(path, "the language model \"" + type +
                     "\" is not one this build runs (llama, mistral, qwen2)");
  }
  const FamilyDefaults& defaults = family->second;
  LlmShape llm;
  llm.hidden = integer_or(object, "hidden_size", 1, 65536, 4096);
  llm.intermediate = integer_or(object, "intermediate_size", 1, 262144, defaults.intermediate);
  llm.layers = integer_or(object, "num_hidden_layers", 1, 1024, 32);
  llm.heads = integer_or(object, "num_attention_heads", 1, 1024, 32);
  llm.kv_heads = integer_or(object, "num_key_value_heads", 1, llm.heads,
                            defaults.kv_heads == 0 ? llm.heads : defaults.kv_heads);
  if (llm.heads % llm.kv_heads != 0)
    object.fail("num_key_value_heads", "must divide \"num_attention_heads\"");
  llm.head_dim = integer_or(object, "head_dim", 2, 1024, llm.hidden / llm.heads);
  if (llm.head_dim % 2 != 0 || llm.head_dim < 2) object.fail("head_dim", "must be even");
  llm.vocabulary = integer_or(object, "vocab_size", 1, 1 << 20, defaults.vocabulary);
  llm.context = integer_or(object, "max_position_embeddings", 1, 1 << 24, defaults.context);
  // Attention that slides is the same as full attention up to the window's length.
  if (type == "mistral" || (type == "qwen2" && boolean_or(object, "use_sliding_window", false))) {
    const bool none = object.contains("sliding_window") && !object.has_value("sliding_window");
    const int window = integer_or(object, "sliding_window", 1, 1 << 24, 4096);
    if (!none) llm.context = std::min(llm.context, window);
  }
  llm.rms_epsilon = number_or(object, "rms_norm_eps", 0, 1, defaults.epsilon);
  llm.rope_theta = number_or(object, "rope_theta", 1, 1e9, 10000);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!object.has_value(key)) continue;
    JsonObject rope = object.object(key);
    llm.rope_theta = number_or(rope, "rope_theta", 1, 1e9, llm.rope_theta);
    if (number_or(rope, "partial_rotary_factor", 0, 1, 1) != 1)
      rope.fail("partial_rotary_factor", "must be 1; this build turns whole heads");
    llm.rope_scaling = read_scaling(std::move(rope), path);
  }
  if (text_or(object, "hidden_act", "silu") != "silu")
    object.fail("hidden_act", "must be silu; this build knows no other");
  llm.tied_head = boolean_or(object, "tie_word_embeddings", false);
  const bool attention_bias = type == "llama" && boolean_or(object, "attention_bias", false);
  llm.qkv_bias = attention_bias || defaults.qkv_bias;
  llm.out_bias = attention_bias;
  llm.mlp_bias = type == "llama" && boolean_or(object, "mlp_bias", false);
  return llm;
}

std::vector<int> read_feature_layers(JsonObject& object, int layers) {
  std::vector<int> result;
  if (!object.has_value("vision_feature_layer")) return {std::max(0, layers - 1)};
  const std::vector<int64_t> wanted =
      integers_of(object, "vision_feature_layer", -layers - 1, layers);
  result.reserve(wanted.size());
  for (const int64_t layer : wanted)
    result.push_back(static_cast<int>(layer < 0 ? layers + 1 + layer : layer));
  if (result.empty()) object.fail("vision_feature_layer", "must not be empty");
  return result;
}

std::array<double, 3> read_channels(JsonObject& object, std::string_view key,
                                    const std::array<double, 3>& otherwise, double least) {
  if (!object.has_value(key)) return otherwise;
  const std::vector<double> values = object.numbers(key, least, 1e6);
  if (values.size() != 3) object.fail(key, "must hold three numbers");
  return {values[0], values[1], values[2]};
}

// A side that is given as one number or as an object of `height` and `width`.
std::optional<int> square_of(JsonObject& object, std::string_view key) {
  if (!object.has_value(key)) return std::nullopt;
  if (!object.is_object(key)) return static_cast<int>(object.integer(key, 1, 4096));
  JsonObject size = object.object(key);
  if (!size.has_value("height")) return std::nullopt;
  const int height = static_cast<int>(size.integer("height", 1, 4096));
  if (size.integer("width", 1, 4096) != height) object.fail(key, "must be a square");
  return height;
}

void read_preprocessor(JsonObject object, LlavaConfig& config) {
  PictureFit& fit = config.fit;
  const bool crops = boolean_or(object, "do_center_crop", true);
  if (!boolean_or(object, "do_resize", true))
    object.fail("do_resize", "must be true: a frame may have any size");
  if (object.has_value("resample") && object.integer("resample", 0, 5) != kBicubic)
    object.fail("resample", "must be 3 (bicubic); this build knows no other filter");
  std::optional<int> edge;
  if (object.is_object("size")) {
    JsonObject size = object.object("size");
    if (size.has_value("shortest_edge"))
      edge = static_cast<int>(size.integer("shortest_edge", 1, 4096));
  } else if (object.has_value("size")) {
    edge = static_cast<int>(object.integer("size", 1, 4096));  // as old files have it
  }
  if (edge) {
    fit.kind =
        boolean_or(object, "do_pad", false) ? PictureFit::Kind::kPadded : PictureFit::Kind::kCrop;
    fit.shortest_edge_px = *edge;
    const std::optional<int> crop = square_of(object, "crop_size");
    fit.size_px = crops ? crop.value_or(224) : *edge;
    if (!crops && fit.kind == PictureFit::Kind::kCrop)
      object.fail("do_center_crop", "must be true where pictures keep their shape");
  } else {
    fit.kind = PictureFit::Kind::kStretch;
    fit.size_px = square_of(object, "size").value_or(config.tower.image_px);
    const std::optional<int> crop = square_of(object, "crop_size");
    if (crops && crop && *crop != fit.size_px)
      object.fail("crop_size", "must be the size that pictures are stretched to");
  }
  PixelScale& pixels = config.pixels;
  pixels.rescale = boolean_or(object, "do_rescale", true)
                       ? number_or(object, "rescale_factor", 1e-6, 1e6, 1.0 / 255)
                       : 1;
  pixels.mean = read_channels(object, "image_mean", kClipMean, -1e6);
  pixels.std = read_channels(object, "image_std", kClipStd, 1e-6);
  for (size_t channel = 0; channel < 3; ++channel) {
    fit.background[channel] =
        static_cast<uint8_t>(std::clamp(pixels.mean[channel] * 255, 0.0, 255.0));
  }
  if (!boolean_or(object, "do_normalize", true)) {
    pixels.mean = {0, 0, 0};
    pixels.std = {1, 1, 1};
  }
  if (fit.size_px != config.tower.image_px) {
    object.fail("crop_size", "gives pictures of " + std::to_string(fit.size_px) +
                                 " px, the vision tower takes " +
                                 std::to_string(config.tower.image_px));
  }
}

void read_preprocessing(LlavaConfig& config) {
  config.fit.kind = PictureFit::Kind::kCrop;
  config.fit.size_px = config.fit.shortest_edge_px = config.tower.image_px;
  config.pixels.mean = kClipMean;
  config.pixels.std = kClipStd;
  std::error_code ignored;
  const fs::path folder = config.folder;
  if (const fs::path file = folder / "preprocessor_config.json"; fs::exists(file, ignored))
    return read_preprocessor(JsonObject::read(file.string()), config);
  if (const fs::path file = folder / "processor_config.json"; fs::exists(file, ignored)) {
    JsonObject processor = JsonObject::read(file.string());
    if (processor.has_value("image_processor"))
      read_preprocessor(processor.object("image_processor"), config);
  }
}

void add_end_ids(JsonObject& object, LlavaConfig& config) {
  if (!object.has_value("eos_token_id")) return;
  for (const int64_t id : integers_of(object, "eos_token_id", -1, INT32_MAX)) {
    if (id >= 0) config.end_ids.push_back(static_cast<int32_t>(id));
  }
}

void read_end_ids(JsonObject& root, LlavaConfig& config) {
  std::error_code ignored;
  const fs::path file = fs::path(config.folder) / "generation_config.json";
  if (fs::exists(file, ignored)) {
    JsonObject generation = JsonObject::read(file.string());
    add_end_ids(generation, config);
  }
  if (config.end_ids.empty()) add_end_ids(root, config);
  if (!config.end_ids.empty()) return;
  if (root.has_value("text_config")) {
    JsonObject text = root.object("text_config");
    add_end_ids(text, config);
    if (text.contains("eos_token_id")) return;  // null: none
  }
  if (config.end_ids.empty()) config.end_ids.push_back(2);  // the default of the Llama family
}

}  // namespace

std::vector<int> nested_ladder(int grid) {
  std::vector<int> ladder = {grid * grid};
  while (grid > 1) {
    int factor = 2;
    while (grid % factor != 0) ++factor;
    grid /= factor;
    ladder.push_back(grid * grid);
  }
  std::reverse(ladder.begin(), ladder.end());
  return ladder;
}

bool is_llava_config(const std::string& path) {
  const std::string file = config_path(path);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return false;
  return JsonObject::read(file).contains("model_type");
}

LlavaConfig read_llava_config(const std::string& path) {
  const std::string file = config_path(path);
  JsonObject root = JsonObject::read(file);
  const std::string type = root.text("model_type");
  if (type != "llava") {
    refuse(file, "models of the type \"" + type + "\" are not something this build runs (llava)");
  }
  LlavaConfig config;
  config.folder = fs::path(file).parent_path().string();
  if (config.folder.empty()) config.folder = ".";
  config.name = fs::absolute(config.folder).lexically_normal().filename().string();
  if (config.name.empty()) config.name = "llava";
  config.tower = root.has_value("vision_config") ? read_tower(root.object("vision_config"), file)
                                                 : default_tower();
  config.ladder = nested_ladder(config.tower.grid());
  config.feature_layers = read_feature_layers(root, config.tower.layers);
  if (text_or(root, "vision_feature_select_strategy", "default") != "default") {
    root.fail("vision_feature_select_strategy",
              "must be \"default\": a class token among the patches fits no square of cells");
  }
  config.projector_activation = read_activation(root, "projector_hidden_act", "gelu");
  config.projector_bias = boolean_or(root, "multimodal_projector_bias", true);
  config.llm = read_llm(
      root.has_value("text_config") ? root.object("text_config") : JsonObject::parse("{}", file),
      file);
  // Either place may say so.
  if (boolean_or(root, "tie_word_embeddings", false)) config.llm.tied_head = true;
  read_preprocessing(config);
  read_end_ids(root, config);
  return config;
}

}  // namespace m3
