#include "core/model/llava_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/model/checkpoint.h"
#include "core/model/llava_chat.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using nlohmann::json;
using test::error_of;

json small() {
  return json::parse(R"({
    "model_type": "llava", "vision_feature_layer": -2,
    "vision_config": {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
                      "num_attention_heads": 4, "image_size": 336, "patch_size": 14},
    "text_config": {"model_type": "llama", "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2,
                    "num_attention_heads": 4, "num_key_value_heads": null, "head_dim": null, "vocab_size": 300}
  })");
}

class LlavaConfigFile : public testing::Test {
 protected:
  LlavaConfig read(const json& config) {
    folder_.write("config.json", config.dump());
    return read_llava_config(folder_.path());
  }
  std::string error(const json& config, ErrorCode code = ErrorCode::kCorrupt) {
    const Error found = error_of([&] { read(config); });
    EXPECT_EQ(found.code(), code) << found.what();
    return found.what();
  }
  test::TemporaryFolder folder_;
};

using Ints = std::vector<int>;

TEST(NestedLadder, DividesTheGridByItsSmallestFactors) {
  EXPECT_EQ(nested_ladder(24), (Ints{1, 9, 36, 144, 576}));
  EXPECT_EQ(nested_ladder(16), (Ints{1, 4, 16, 64, 256}));
  EXPECT_EQ(nested_ladder(27), (Ints{1, 9, 81, 729}));
  EXPECT_EQ(nested_ladder(1), (Ints{1}));
}

TEST_F(LlavaConfigFile, WhatIsLeftOutHasTheDefaultsOfItsClass) {
  const LlavaConfig config = read({{"model_type", "llava"}});
  EXPECT_EQ(config.tower.hidden, 1024);
  EXPECT_EQ(config.tower.grid(), 24);
  EXPECT_EQ(config.feature_layers, Ints{23});
  EXPECT_EQ(config.llm.layers, 32);
  EXPECT_EQ(config.llm.intermediate, 11008);
  EXPECT_EQ(config.llm.kv_heads, 32);
  EXPECT_EQ(config.llm.head_dim, 128);
  EXPECT_EQ(config.llm.rms_epsilon, 1e-6);
  EXPECT_FALSE(config.llm.tied_head);
  EXPECT_EQ(config.end_ids, (std::vector<int32_t>{2}));
}

TEST_F(LlavaConfigFile, RotaryPositionsAreReadInBothSpellings) {
  json config = small();
  config["text_config"]["rope_theta"] = 5e5;
  config["text_config"]["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  LlmShape llm = read(config).llm;
  EXPECT_EQ(llm.rope_theta, 5e5);
  EXPECT_EQ(llm.rope_scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(llm.rope_scaling.factor, 2);
  config = small();
  config["text_config"]["rope_parameters"] = {
      {"rope_type", "llama3"},   {"rope_theta", 1e6},
      {"factor", 8.0},           {"low_freq_factor", 1.0},
      {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}};
  llm = read(config).llm;
  EXPECT_EQ(llm.rope_theta, 1e6);
  EXPECT_EQ(llm.rope_scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(llm.rope_scaling.original_context, 64);
  config["text_config"]["rope_parameters"] = {{"rope_type", "yarn"}, {"factor", 8.0}};
  EXPECT_NE(error(config, ErrorCode::kUnsupported).find("yarn"), std::string::npos);
}

TEST_F(LlavaConfigFile, EitherPlaceMayTieTheHead) {
  json config = small();
  config["text_config"]["tie_word_embeddings"] = true;
  EXPECT_TRUE(read(config).llm.tied_head);
  config = small();
  config["tie_word_embeddings"] = true;
  EXPECT_TRUE(read(config).llm.tied_head);
}

TEST_F(LlavaConfigFile, SeveralLayersOfFeaturesAreCountedFromEitherEnd) {
  json config = small();
  config["vision_feature_layer"] = {-2, 0, 4};
  const LlavaConfig read_config = read(config);
  EXPECT_EQ(read_config.feature_layers, (Ints{3, 0, 4}));
  EXPECT_EQ(read_config.features(), 96);
  config["vision_feature_layer"] = 5;
  EXPECT_NE(error(config).find("vision_feature_layer"), std::string::npos);
}

TEST_F(LlavaConfigFile, ThePreprocessorSaysHowPicturesAreFitted) {
  EXPECT_EQ(read(small()).fit.kind, PictureFit::Kind::kCrop);
  folder_.write("preprocessor_config.json",
                R"({"size": {"shortest_edge": 350}, "crop_size": {"height": 336, "width": 336},
                    "do_pad": true, "image_mean": [0.5, 0.25, 0.1], "image_std": [1, 2, 3]})");
  const LlavaConfig config = read(small());
  EXPECT_EQ(config.fit.kind, PictureFit::Kind::kPadded);
  EXPECT_EQ(config.fit.shortest_edge_px, 350);
  EXPECT_EQ(config.fit.size_px, 336);
  EXPECT_EQ(config.fit.background, (std::array<uint8_t, 3>{127, 63, 25}));
  EXPECT_EQ(config.pixels.std[2], 3);
  folder_.write("preprocessor_config.json", R"({"size": {"height": 224, "width": 224}})");
  EXPECT_NE(error(small()).find("224"), std::string::npos);
}

TEST_F(LlavaConfigFile, AnswersEndWhereTheGenerationConfigSays) {
  folder_.write("generation_config.json", R"({"eos_token_id": [7, 9]})");
  EXPECT_EQ(read(small()).end_ids, (std::vector<int32_t>{7, 9}));
}

TEST_F(LlavaConfigFile, WhatThisBuildDoesNotRunIsNamed) {
  json config = small();
  config["model_type"] = "llava_next";
  EXPECT_NE(error(config, ErrorCode::kUnsupported).find("llava_next"), std::string::npos);
  config = small();
  config["text_config"]["model_type"] = "gpt2";
  EXPECT_NE(error(config, ErrorCode::kUnsupported).find("gpt2"), std::string::npos);
  config = small();
  config["vision_config"]["model_type"] = "siglip_vision_model";
  EXPECT_NE(error(config, ErrorCode::kUnsupported).find("siglip"), std::string::npos);
  config = small();
  config["vision_feature_select_strategy"] = "full";
  EXPECT_NE(error(config).find("vision_feature_select_strategy"), std::string::npos);
}

TEST_F(LlavaConfigFile, NumbersThatCannotBeAreRefused) {
  json config = small();
  config["text_config"]["num_key_value_heads"] = 3;
  EXPECT_NE(error(config).find("text_config.num_key_value_heads"), std::string::npos);
  config = small();
  config["vision_config"]["patch_size"] = 15;
  EXPECT_NE(error(config).find("vision_config.patch_size"), std::string::npos);
  config = small();
  config["text_config"]["hidden_size"] = -1;
  EXPECT_NE(error(config).find("text_config.hidden_size"), std::string::npos);
}

TEST(CanonicalName, IsTheSameForAllVersionsOfTheLibrary) {
  EXPECT_EQ(canonical_name("language_model.model.norm.weight"), "language_model.norm.weight");
  EXPECT_EQ(canonical_name("model.language_model.norm.weight"), "language_model.norm.weight");
  EXPECT_EQ(canonical_name("language_model.lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(canonical_name("lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(canonical_name("model.vision_tower.vision_model.pre_layrnorm.bias"),
            "vision_tower.pre_layrnorm.bias");
  EXPECT_EQ(canonical_name("model.vision_tower.pre_layrnorm.bias"),
            "vision_tower.pre_layrnorm.bias");
  EXPECT_EQ(canonical_name("multi_modal_projector.linear_1.bias"),
            "multi_modal_projector.linear_1.bias");
}

TEST(CheckpointFiles, AMissingPartIsNamed) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(error_of([&] { Checkpoint::open(folder.path()); }).code(), ErrorCode::kNotFound);
  folder.write("model.safetensors.index.json", R"({"weight_map": {"a": "one.safetensors"}})");
  const Error missing = error_of([&] { Checkpoint::open(folder.path()); });
  EXPECT_NE(std::string(missing.what()).find("one.safetensors"), std::string::npos);
  folder.write("model.safetensors.index.json", R"({"weight_map": {"a": "../one.safetensors"}})");
  EXPECT_EQ(error_of([&] { Checkpoint::open(folder.path()); }).code(), ErrorCode::kCorrupt);
}

TEST(LlavaChat, FollowsTheTokenizersSpecialTokens) {
  EXPECT_EQ(llava_chat(*make_byte_tokenizer({"</s>"})).prefix, "{system} USER: ");
  EXPECT_EQ(llava_chat(*make_byte_tokenizer({"<|im_start|>", "<|im_end|>"})).end, "<|im_end|>");
  EXPECT_EQ(llava_chat(*make_byte_tokenizer({"<|start_header_id|>", "<|eot_id|>"})).end,
            "<|eot_id|>");
}

TEST(LlavaChat, AQuestionOpensAsItsPlaceWants) {
  const ChatTemplate vicuna = llava_chat(*make_byte_tokenizer({"</s>"}));
  EXPECT_EQ(vicuna.question_text("Who?"), "\nWho? ASSISTANT:");
  EXPECT_EQ(vicuna.question_text("Who?", QuestionPlace::kAlone), "Who? ASSISTANT:");
  EXPECT_EQ(vicuna.question_text("Who?", QuestionPlace::kBehindAnswer), "USER: Who? ASSISTANT:");
  const ChatTemplate chat_ml = llava_chat(*make_byte_tokenizer({"<|im_start|>", "<|im_end|>"}));
  EXPECT_EQ(chat_ml.question_text("Who?", QuestionPlace::kBehindAnswer),
            "\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n");
}

TEST(LlavaChat, RecognisesTheTemplateOfAFolder) {
  const auto all = make_byte_tokenizer({"<|im_start|>", "<|im_end|>", "</s>"});
  const test::TemporaryFolder folder;
  EXPECT_FALSE(find_chat(folder.path()).has_value());
  folder.write("tokenizer_config.json", R"({"chat_template": [
      {"name": "tool_use", "template": "<|im_start|>x<|im_end|>"},
      {"name": "default", "template": "{{ role.upper() + ': ' }} ASSISTANT:"}]})");
  auto found = find_chat(folder.path());
  ASSERT_TRUE(found && found->kind);
  EXPECT_EQ(*found->kind, ChatKind::kVicuna);
  EXPECT_EQ(llava_chat(*all, found).end, "</s>") << "the template says more than the tokens";
  EXPECT_NE(describe_chat(found).find("vicuna, by its tokenizer_config.json"), std::string::npos);
  folder.write("chat_template.json", R"({"chat_template": "[INST] {{ text }} [/INST]"})");
  found = find_chat(folder.path());
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->kind.has_value());
  EXPECT_EQ(llava_chat(*all, found).end, "<|im_end|>");
  EXPECT_NE(describe_chat(found).find("chat_template.json is not one"), std::string::npos);
  folder.write("chat_template.jinja", "<|start_header_id|>user<|end_header_id|><|eot_id|>");
  EXPECT_EQ(find_chat(folder.path())->kind, ChatKind::kLlama3);
  EXPECT_EQ(llava_chat(*all, find_chat(folder.path())).end, "<|im_end|>")
      << "the tokenizer has none of its tokens";
}

}  // namespace
}  // namespace m3
