#include "core/model/model_config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using nlohmann::json;
using test::error_of;
using test::TemporaryFolder;

// An environment variable for the time of a test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~ScopedVariable() { set(before_); }

 private:
  void set(const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

json small_config() {
  return json::parse(R"({
    "layout_version": 1, "name": "small", "attention": "causal", "ladder": [1, 4],
    "chat": {"system": "S", "prefix": "<{system}>", "marker_video": "{second}", "marker_picture": "",
             "question": "{question}", "end": "<e>"},
    "preprocess": {"size_px": 16},
    "tower": {"graph": "tower.json", "features": 5, "grid": 4},
    "projector": {"hidden": 8},
    "llm": {"hidden": 8, "intermediate": 16, "layers": 2, "heads": 4, "head_dim": 2, "vocabulary": 300, "context": 64}
  })");
}

ModelConfig read(const json& config) {
  const TemporaryFolder folder;
  return read_model_config(folder.write("config.json", config.dump()));
}

// The small config with JSON text `value` at the JSON pointer `at`; without the key there when
// `value` is empty.
Error refusal(const std::string& at, const std::string& value) {
  json config = small_config();
  const json::json_pointer place(at);
  if (value.empty()) {
    config[place.parent_pointer()].erase(place.back());
  } else {
    config[place] = json::parse(value);
  }
  return error_of([&] { read(config); });
}

TEST(ModelConfig, ReadsTheShippedDefault) {
  const ModelConfig config = read_model_config(M3_SHIPPED_MODELS_DIR "/default");
  EXPECT_EQ(config.folder, M3_SHIPPED_MODELS_DIR "/default");
  EXPECT_EQ(config.layout_version, 1);
  EXPECT_EQ(config.attention, Attention::kSpans);
  EXPECT_EQ(config.ladder, (std::vector<int>{1, 9, 36, 144}));
  EXPECT_EQ(config.chat.prefix_text(""),
            "<|im_start|>system\nAnswer questions about what you see.<|im_end|>\n<|im_start|>user");
  EXPECT_EQ(config.chat.marker_text(12'900'000'000), "\n12s:");
  EXPECT_EQ(config.chat.question_text("Who?"), "\nWho?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(config.chat.end, "<|im_end|>");
  EXPECT_EQ(config.preprocess.size_px, 384);
  EXPECT_EQ(config.tower.graph, "tower.json");
  EXPECT_EQ(config.tower.weights->name, "efficientnet-lite2-384.safetensors");
  EXPECT_EQ(config.tower.weights->bytes, 19139176);
  EXPECT_EQ(config.tower.features, 1811);
  EXPECT_EQ(config.tower.grid, 12);
  EXPECT_EQ(config.projector.hidden, 768);
  EXPECT_EQ(config.updates.rank, 32);
  EXPECT_EQ(config.updates.factor, 1);
  EXPECT_EQ(config.adapter, "adapter.safetensors");
  EXPECT_EQ(config.llm_file->bytes, 98362432);
  EXPECT_EQ(config.llm->layers, 30);
  EXPECT_EQ(config.llm->kv_heads, 3);
  EXPECT_EQ(config.llm->rope_theta, 100000);
  EXPECT_EQ(config.special_tokens.size(), 3u);
  EXPECT_EQ(config.trained_frames, 8);
  EXPECT_EQ(config.trained_visual_tokens, 150);
}

TEST(ModelConfig, WhatIsLeftOutHasDefaults) {
  const ModelConfig config = read(small_config());
  EXPECT_EQ(config.attention, Attention::kCausal);
  EXPECT_FALSE(config.tower.weights);
  EXPECT_FALSE(config.llm_file);
  EXPECT_EQ(config.adapter, "");
  EXPECT_EQ(config.updates.rank, 0);
  EXPECT_EQ(config.llm->kv_heads, 4);
  EXPECT_EQ(config.llm->rope_theta, 10000);
  EXPECT_EQ(config.llm->rms_epsilon, 1e-5);
  EXPECT_TRUE(config.llm->tied_head);
  EXPECT_EQ(config.trained_frames, 0);
}

TEST(ModelConfig, EveryErrorNamesFileAndKey) {
  struct Case {
    const char* at;
    const char* value;
    const char* key;
  };
  const Case cases[] = {
      {"/name", "", "name"},
      {"/attention", R"("both")", "attention"},
      {"/ladder", "[]", "ladder"},
      {"/ladder", "[4, 1]", "ladder"},
      {"/ladder", "[1, 1]", "ladder"},
      {"/ladder", "[2]", "ladder"},
      {"/ladder", "[9]", "ladder"},   // side 3 does not divide 4
      {"/ladder", "[25]", "ladder"},  // finer than the grid
      {"/ladder", "[0]", "ladder"},
      {"/chat/prefix", R"("no place")", "chat.prefix"},
      {"/chat/marker_video", R"("")", "chat.marker_video"},
      {"/chat/question", "1", "chat.question"},
      {"/chat/end", R"("")", "chat.end"},
      {"/chat/extra", R"("")", "chat.extra"},
      {"/preprocess/size_px", "0", "preprocess.size_px"},
      {"/preprocess/size_px", "1e3", "preprocess.size_px"},
      {"/tower/graph", R"("../tower.json")", "tower.graph"},
      {"/tower/grid", "257", "tower.grid"},
      {"/tower/weights", R"({"name": "w", "bytes": -1})", "tower.weights.bytes"},
      {"/tower/weights", R"({"name": "w", "sha256": "AB"})", "tower.weights.sha256"},
      {"/tower/weights", R"({"name": "/etc/passwd"})", "tower.weights.name"},
      {"/projector/hidden", R"("8")", "projector.hidden"},
      {"/low_rank", R"({"rank": 4, "factor": 1e300})", "low_rank.factor"},
      {"/full_updates", "1", "full_updates"},
      {"/adapter", R"("")", "adapter"},
      {"/llm", "", "llm_file"},
      {"/llm/heads", "1025", "llm.heads"},
      {"/llm/kv_heads", "3", "llm.kv_heads"},
      {"/llm/head_dim", "3", "llm.head_dim"},
      {"/llm/vocabulary", "9223372036854775808", "llm.vocabulary"},
      {"/llm/rope_theta", "0.5", "llm.rope_theta"},
      {"/llm/tied_head", "1", "llm.tied_head"},
      {"/special_tokens", R"(["a", "a"])", "special_tokens"},
      {"/special_tokens", R"([""])", "special_tokens"},
      {"/trained_window", R"({"frames": 1})", "trained_window.visual_tokens"},
      {"/laddr", "[1]", "laddr"},
  };
  for (const auto& [at, value, key] : cases) {
    const Error error = refusal(at, value);
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << at;
    EXPECT_NE(std::string(error.what()).find("config.json: \"" + std::string(key) + "\""),
              std::string::npos)
        << at << ": " << error.what();
  }
}

TEST(ModelConfig, AnotherLayoutVersionIsRefusedAsSuch) {
  const Error error =
      error_of([] { read(json::parse(R"({"layout_version": 2, "something": "new"})")); });
  EXPECT_EQ(error.code(), ErrorCode::kMismatch);
}

TEST(ModelConfig, SaysWhenThereIsNoModel) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_of([&] { read_model_config(folder.path()); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { read_model_config(folder.path() + "/none"); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { read_model_config(folder.write("config.json", "")); }).code(),
            ErrorCode::kCorrupt);
}

TEST(FindModel, LooksForTheDefaultAlongThePath) {
  const TemporaryFolder folder;
  folder.write("second/default/config.json", "{}");
  const ScopedVariable path("M3_MODEL_PATH",
                            folder.path() + "/first::" + folder.path() + "/second");
  EXPECT_EQ(find_model("default"), folder.path() + "/second/default");
}

TEST(FindModel, SaysWhereItLooked) {
  const ScopedVariable path("M3_MODEL_PATH", "/nowhere/a:/nowhere/b");
  const Error error = error_of([] { find_model("default"); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_NE(std::string(error.what()).find("/nowhere/a/default, /nowhere/b/default"),
            std::string::npos);
}

TEST(FindModel, TakesAnythingElseForAPath) {
  const TemporaryFolder folder;
  EXPECT_EQ(find_model(folder.path()), folder.path());
  EXPECT_EQ(error_of([&] { find_model(folder.path() + "/none"); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { find_model(""); }).code(), ErrorCode::kNotFound);
}

TEST(FindBaseFile, LooksBesideTheConfigThenInTheCache) {
  const TemporaryFolder folder;
  const ScopedVariable cache("M3_CACHE", folder.path() + "/cache");
  ModelConfig config;
  config.folder = folder.path() + "/model";
  const BaseFile file{.name = "w.bin", .bytes = 3};
  EXPECT_EQ(error_of([&] { find_base_file(config, file); }).code(), ErrorCode::kNotFound);
  const std::string cached = folder.write("cache/base/w.bin", "abc");
  EXPECT_EQ(find_base_file(config, file), cached);
  const std::string beside = folder.write("model/w.bin", "abc");
  EXPECT_EQ(find_base_file(config, file), beside);
}

TEST(FindBaseFile, TheCacheFollowsTheEnvironment) {
  const TemporaryFolder folder;
  const ScopedVariable own("M3_CACHE", std::nullopt);
  const ScopedVariable xdg("XDG_CACHE_HOME", std::nullopt);
  const ScopedVariable home("HOME", folder.path());
  ModelConfig config;
  config.folder = "/nowhere";
  const std::string at_home = folder.write(".cache/gst-matryoshka/base/w", "1");
  EXPECT_EQ(find_base_file(config, {.name = "w"}), at_home);
  const ScopedVariable xdg_set("XDG_CACHE_HOME", folder.path() + "/xdg");
  const std::string in_xdg = folder.write("xdg/gst-matryoshka/base/w", "1");
  EXPECT_EQ(find_base_file(config, {.name = "w"}), in_xdg);
}

TEST(FindBaseFile, AFileOfAnotherSizeIsRefused) {
  const TemporaryFolder folder;
  const ScopedVariable cache("M3_CACHE", folder.path());
  folder.write("base/w", "ab");
  ModelConfig config;
  config.folder = "/nowhere";
  const Error error = error_of([&] { find_base_file(config, {.name = "w", .bytes = 3}); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_NE(std::string(error.what()).find("has 2 bytes, 3 are expected"), std::string::npos)
      << error.what();
}

}  // namespace
}  // namespace m3
