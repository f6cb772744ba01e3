#include "core/model/model_config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/model/json_file.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigFile[] = "config.json";

int small(JsonObject& object, std::string_view key, int least, int most) {
  return static_cast<int>(object.integer(key, least, most));
}

std::string text_with(JsonObject& object, std::string_view key, std::string_view place) {
  std::string text = object.text(key);
  if (text.find(place) == std::string::npos) object.fail(key, "must hold " + std::string(place));
  return text;
}

ChatTemplate read_chat(JsonObject object) {
  ChatTemplate chat;
  chat.system = object.text("system");
  chat.prefix = text_with(object, "prefix", "{system}");
  chat.marker_video = text_with(object, "marker_video", "{second}");
  chat.marker_picture = object.text("marker_picture");
  chat.question = text_with(object, "question", "{question}");
  chat.end = object.text("end");
  if (chat.end.empty()) object.fail("end", "must not be empty");
  object.check_all_read();
  return chat;
}

BaseFile read_base_file(JsonObject object) {
  BaseFile file;
  file.name = object.file_name("name");
  file.bytes = object.contains("bytes") ? object.integer("bytes", 1, INT64_MAX) : 0;
  if (object.contains("sha256")) {
    file.sha256 = object.text("sha256");
    const bool hex = file.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (file.sha256.size() != 64 || !hex) object.fail("sha256", "must be 64 lower-case hex digits");
  }
  object.ignore("source");
  object.check_all_read();
  return file;
}

TowerConfig read_tower(JsonObject object) {
  TowerConfig tower;
  tower.graph = object.file_name("graph");
  if (object.contains("weights")) tower.weights = read_base_file(object.object("weights"));
  tower.features = small(object, "features", 1, 65536);
  tower.grid = small(object, "grid", 1, 256);
  object.check_all_read();
  return tower;
}

LlmShape read_llm(JsonObject object) {
  LlmShape llm;
  llm.hidden = small(object, "hidden", 1, 65536);
  llm.intermediate = small(object, "intermediate", 1, 262144);
  llm.layers = small(object, "layers", 1, 1024);
  llm.heads = small(object, "heads", 1, 1024);
  llm.kv_heads = object.contains("kv_heads") ? small(object, "kv_heads", 1, llm.heads) : llm.heads;
  if (llm.heads % llm.kv_heads != 0) object.fail("kv_heads", "must divide \"heads\"");
  llm.head_dim = small(object, "head_dim", 2, 1024);
  if (llm.head_dim % 2 != 0) object.fail("head_dim", "must be even");
  llm.vocabulary = small(object, "vocabulary", 1, 1 << 20);
  llm.context = small(object, "context", 1, 1 << 24);
  if (object.contains("rope_theta")) llm.rope_theta = object.number("rope_theta", 1, 1e9);
  if (object.contains("rms_epsilon")) llm.rms_epsilon = object.number("rms_epsilon", 0, 1);
  if (object.contains("tied_head")) llm.tied_head = object.boolean("tied_head");
  object.check_all_read();
  return llm;
}

std::vector<int> read_ladder(JsonObject& object, int grid) {
  std::vector<int> ladder;
  for (const int64_t scale : object.integers("ladder", 1, int64_t{grid} * grid)) {
    if (!ladder.empty() && scale <= ladder.back()) object.fail("ladder", "must be ascending");
    int side = 1;
    while (side * side < scale) ++side;
    if (side * side != scale || grid % side != 0) {
      object.fail("ladder", "holds " + std::to_string(scale) +
                                ", which is no square whose side divides \"tower.grid\" " +
                                std::to_string(grid));
    }
    ladder.push_back(static_cast<int>(scale));
  }
  if (ladder.empty()) object.fail("ladder", "must not be empty");
  return ladder;
}

std::vector<std::string> read_special_tokens(JsonObject& object) {
  std::vector<std::string> tokens = object.texts("special_tokens");
  std::set<std::string_view> seen;
  for (const std::string& token : tokens) {
    if (token.empty() || !seen.insert(token).second)
      object.fail("special_tokens", "must hold each token once, none empty");
  }
  return tokens;
}

std::vector<std::string> colon_separated(const char* text) {
  std::vector<std::string> parts;
  for (std::string_view rest = text ? text : ""; !rest.empty();) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    if (colon > 0) parts.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return parts;
}

// Empty when the environment tells no folder.
std::string cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const std::string folder = variable("M3_CACHE"); !folder.empty()) return folder;
  if (const std::string folder = variable("XDG_CACHE_HOME"); !folder.empty())
    return folder + "/gst-matryoshka";
  if (const std::string folder = variable("HOME"); !folder.empty())
    return folder + "/.cache/gst-matryoshka";
  return {};
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace

ModelConfig read_model_config(const std::string& path) {
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const std::string file = folder ? (fs::path(path) / kConfigFile).string() : path;
  if (folder && !fs::exists(file, ignored)) {
    throw Error(ErrorCode::kNotFound,
                path + ": no model folder of ours, it holds no " + kConfigFile);
  }
  JsonObject object = JsonObject::read(file);

  ModelConfig config;
  config.folder = fs::path(file).parent_path().string();
  if (config.folder.empty()) config.folder = ".";
  // First, so that a config of another version is told as such and not by a key that it does not
  // have.
  config.layout_version = small(object, "layout_version", 0, 1 << 30);
  if (config.layout_version != kLayoutVersion) {
    throw Error(ErrorCode::kMismatch,
                file + ": \"layout_version\" is " + std::to_string(config.layout_version) +
                    ", this program writes windows of version " + std::to_string(kLayoutVersion) +
                    "; take a model of that version");
  }
  config.name = object.text("name");
  const std::string attention = object.text("attention");
  if (attention != "spans" && attention != "causal")
    object.fail("attention", "must be \"spans\" or \"causal\"");
  config.attention = attention == "spans" ? Attention::kSpans : Attention::kCausal;
  config.chat = read_chat(object.object("chat"));
  JsonObject preprocess = object.object("preprocess");
  config.preprocess.size_px = small(preprocess, "size_px", 1, 4096);
  preprocess.check_all_read();
  config.tower = read_tower(object.object("tower"));
  config.ladder = read_ladder(object, config.tower.grid);
  JsonObject projector = object.object("projector");
  config.projector.hidden = small(projector, "hidden", 1, 65536);
  projector.check_all_read();
  if (object.contains("low_rank")) {
    JsonObject low_rank = object.object("low_rank");
    config.updates.rank = small(low_rank, "rank", 0, 4096);
    if (low_rank.contains("factor")) config.updates.factor = low_rank.number("factor", -1e6, 1e6);
    low_rank.check_all_read();
  }
  if (object.contains("full_updates")) config.updates.full = object.boolean("full_updates");
  if (config.updates.full && config.updates.rank > 0)
    object.fail("full_updates", "cannot be true beside \"low_rank\"");
  if (object.contains("adapter")) config.adapter = object.file_name("adapter");
  if (object.contains("llm_file")) config.llm_file = read_base_file(object.object("llm_file"));
  if (object.contains("llm")) config.llm = read_llm(object.object("llm"));
  if (!config.llm_file && !config.llm)
    object.fail("llm_file", "is missing, and so is \"llm\"; one of them is needed");
  if (object.contains("special_tokens")) config.special_tokens = read_special_tokens(object);
  if (object.contains("trained_window")) {
    JsonObject trained = object.object("trained_window");
    config.trained_frames = small(trained, "frames", 0, 1 << 30);
    config.trained_visual_tokens = small(trained, "visual_tokens", 0, 1 << 30);
    trained.check_all_read();
  }
  object.check_all_read();
  return config;
}

std::string find_model(const std::string& name) {
  std::error_code ignored;
  if (name != "default") {
    if (!name.empty() && fs::exists(name, ignored)) return name;
    throw Error(ErrorCode::kNotFound, "model \"" + name + "\": there is no such folder or file");
  }
  std::vector<std::string> folders = colon_separated(std::getenv("M3_MODEL_PATH"));
  folders.emplace_back(M3_MODELS_DIR);
  for (std::string& folder : folders) {
    folder += "/" + name;
    if (fs::exists(fs::path(folder) / kConfigFile, ignored)) return folder;
  }
  throw Error(ErrorCode::kNotFound, "model \"default\" is not installed: no " +
                                        std::string(kConfigFile) + " in " + joined(folders) +
                                        "; set M3_MODEL_PATH to the folder that holds default/");
}

std::string find_base_file(const ModelConfig& config, const BaseFile& file) {
  std::vector<std::string> folders = {config.folder};
  if (const std::string cache = cache_folder(); !cache.empty()) folders.push_back(cache + "/base");
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + file.name;
    std::error_code failed;
    const auto bytes = fs::file_size(path, failed);
    if (failed) continue;
    if (file.bytes != 0 && bytes != static_cast<uintmax_t>(file.bytes)) {
      throw Error(ErrorCode::kCorrupt, path + ": has " + std::to_string(bytes) + " bytes, " +
                                           std::to_string(file.bytes) +
                                           " are expected; delete it and run scripts/setup");
    }
    return path;
  }
  throw Error(ErrorCode::kNotFound, "base weights " + file.name + " of the model \"" + config.name +
                                        "\" are not in " + joined(folders) +
                                        "; run scripts/setup, which fetches them");
}

}  // namespace m3
