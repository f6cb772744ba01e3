// LLaVA models in Hugging Face's layout against what Hugging Face's code computes with the same
// files (tests/golden/make_llava.py).
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/model/safetensors.h"
#include "core/torch/llava_tokenizer.h"
#include "core/torch/memory_check.h"
#include "core/torch/model.h"
#include "core/torch/trace.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/torch/llava_checkpoint.h"

namespace m3 {
namespace {

using nlohmann::json;
using test::error_of;
using test::is_readable;
using test::kNeedsSentencepiece;
using test::llava_checkpoint;

std::unique_ptr<const Model> load(const std::string& model, const std::string& dtype = "float32") {
  const c10::InferenceMode inference;
  EngineOptions options;
  options.model = model;
  options.dtype = dtype;
  options.device = "cpu";
  return load_model(options, {}, {});
}

// pixels() of make_llava.py
TraceTensor made_pixels(int size) {
  TraceTensor pixels{"pixel_values", {1, 3, size, size}, {}, {}};
  for (int channel = 1; channel <= 3; ++channel) {
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        pixels.values.push_back(
            static_cast<float>(std::sin(0.11 * channel * y + 0.07 * x + 0.003 * y * x) * 1.5));
      }
    }
  }
  return pixels;
}

// Relative L2 error of every `step`-th row from the last `count` on; 0: of all rows.
double error_of_rows(const TraceTensor& found, const TensorView& wanted, int64_t step,
                     bool from_end) {
  const int64_t width = found.shape.back();
  const int64_t rows = static_cast<int64_t>(found.values.size()) / width;
  std::vector<float> numbers(static_cast<size_t>(wanted.shape[0] * wanted.shape[1]));
  to_float(wanted, numbers);
  EXPECT_EQ(wanted.shape[1], width);
  double difference = 0;
  double size = 0;
  for (int64_t row = 0; row < wanted.shape[0]; ++row) {
    const int64_t place = from_end ? rows - wanted.shape[0] + row : row * step;
    for (int64_t column = 0; column < width; ++column) {
      const double a = found.values[static_cast<size_t>(place * width + column)];
      const double b = numbers[static_cast<size_t>(row * width + column)];
      difference += (a - b) * (a - b);
      size += b * b;
    }
  }
  return std::sqrt(difference / size);
}

const TraceTensor& stage(const std::vector<TraceTensor>& trace, const std::string& name) {
  const auto found = std::find_if(trace.begin(), trace.end(),
                                  [&](const TraceTensor& tensor) { return tensor.name == name; });
  if (found == trace.end()) throw std::out_of_range(name);
  return *found;
}

class Llava : public testing::TestWithParam<const char*> {
 protected:
  Llava()
      : golden_(json::parse(std::ifstream(llava_checkpoint(GetParam()) + "/golden.json"))),
        stages_(Safetensors::open(llava_checkpoint(GetParam()) + "/stages.safetensors")) {}

  void SetUp() override {
    if (!is_readable(llava_checkpoint(GetParam()))) GTEST_SKIP() << kNeedsSentencepiece;
  }

  const c10::InferenceMode inference_;
  const json golden_;
  const Safetensors stages_;
};

TEST_P(Llava, EveryStageIsHuggingFacesAtEveryScale) {
  const auto model = load(llava_checkpoint(GetParam()));
  TraceRequest request;
  request.pixel_values = made_pixels(model->fit.size_px);
  request.prompt = golden_.at("prompt");
  request.raw_prompt = true;
  request.max_new_tokens = 6;
  for (const int scale : *model->ladder) {
    const std::string name = std::to_string(scale);
    const json& answer = golden_.at("answers").at(name);
    request.scale = scale;
    const auto trace = run_trace(*model, request);
    EXPECT_LE(error_of_rows(stage(trace, "tower"), stages_.at("tower"), 13, false), 1e-4);
    EXPECT_LE(error_of_rows(stage(trace, "projected"), stages_.at("projected"), 13, false), 1e-4);
    if (scale < model->ladder->back()) {
      EXPECT_LE(error_of_rows(stage(trace, "pooled"), stages_.at("pooled" + name), 1, false), 1e-4);
    }
    EXPECT_LE(error_of_rows(stage(trace, "logits"), stages_.at("logits" + name), 1, true), 1e-3);

    std::vector<int64_t> ids = golden_.at("before");
    ids.insert(ids.end(), static_cast<size_t>(scale), kVisualToken);
    for (const int64_t id : golden_.at("behind")) ids.push_back(id);
    EXPECT_EQ(stage(trace, "input_ids").ids, ids);
    EXPECT_EQ(stage(trace, "generated_ids").ids, answer.at("ids").get<std::vector<int64_t>>());
  }
}

TEST_P(Llava, TokensAreThoseOfTheReference) {
  const auto tokenizer = open_llava_tokenizer(llava_checkpoint(GetParam()));
  for (const json& line : golden_.at("tokens")) {
    const std::string text = line.at("text");
    EXPECT_EQ(tokenizer->encode(text), line.at("ids").get<std::vector<int32_t>>()) << text;
    EXPECT_EQ(tokenizer->encode_behind(text), line.at("behind").get<std::vector<int32_t>>())
        << text;
  }
}

TEST_P(Llava, Bfloat16AnswersAreNear) {
  const auto model = load(llava_checkpoint(GetParam()), "bfloat16");
  TraceRequest request;
  request.pixel_values = made_pixels(model->fit.size_px);
  request.prompt = golden_.at("prompt");
  request.raw_prompt = true;
  request.scale = 1;
  request.max_new_tokens = 1;
  const auto trace = run_trace(*model, request);
  EXPECT_LE(error_of_rows(stage(trace, "tower"), stages_.at("tower"), 13, false), 0.03);
  EXPECT_LE(error_of_rows(stage(trace, "logits"), stages_.at("logits1"), 1, true), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Llava, testing::Values("grouped", "tied", "biased"));

TEST(LlavaModel, RandomWeightsHaveTheConfigsShape) {
  const auto model = load("random:" + llava_checkpoint("tied") + "/config.json,5");
  EXPECT_EQ(model->info.family, "llava");
  EXPECT_EQ(model->info.ladder, (std::vector<int>{1, 9, 36, 144, 576}));
  EXPECT_EQ(model->layout.attention(), Attention::kCausal);
  EXPECT_EQ(model->info.id, load("random:" + llava_checkpoint("tied") + "/config.json,5")->info.id);
  EXPECT_NE(model->info.id, load("random:" + llava_checkpoint("tied") + "/config.json,6")->info.id);
}

TEST(LlavaModel, AnswersEndAtTheConfigsEnd) {
  if (!is_readable(llava_checkpoint("grouped"))) GTEST_SKIP() << kNeedsSentencepiece;
  const auto model = load(llava_checkpoint("grouped"));
  EXPECT_TRUE(model->layout.ends_answer(2));
  EXPECT_FALSE(model->layout.ends_answer(3));
}

TEST(LlavaModel, TakesTheChatTemplateOfItsFolder) {
  const test::TemporaryFolder copy;
  std::filesystem::copy(llava_checkpoint("biased"), copy.path());
  const auto question = [&](const char* text) {
    const auto model = load(copy.path());
    EXPECT_EQ(model->layout.question_ids("Who?"), model->layout.tokenizer().encode_behind(text));
  };
  question("\nWho?<|im_end|>\n<|im_start|>assistant\n");
  copy.write("chat_template.json", R"({"chat_template": "USER: {{ text }} ASSISTANT:"})");
  question("\nWho? ASSISTANT:");
}

TEST(LlavaModel, ATensorOfAnotherShapeIsNamed) {
  const test::TemporaryFolder copy;
  std::filesystem::copy(
      llava_checkpoint("tied"), copy.path(),
      std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
  json config = json::parse(std::ifstream(copy.path() + "/config.json"));
  config["text_config"]["intermediate_size"] = 65;
  copy.write("config.json", config.dump());
  const Error error = error_of([&] { load(copy.path()); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_NE(std::string(error.what()).find("mlp.gate_proj"), std::string::npos) << error.what();
}

TEST(LlavaModel, AFileThatIsNoSentencepieceModelIsRefused) {
  const test::TemporaryFolder made;
  made.write("tokenizer.model", "no model");
  EXPECT_EQ(error_of([&] { open_llava_tokenizer(made.path()); }).code(),
            reads_sentencepiece() ? ErrorCode::kCorrupt : ErrorCode::kUnsupported);
  const test::TemporaryFolder empty;
  EXPECT_EQ(error_of([&] { open_llava_tokenizer(empty.path()); }).code(), ErrorCode::kNotFound);
}

TEST(LlavaModel, WeightsThatCannotFitAreToldBeforeTheyAreMade) {
  json config = json::parse(std::ifstream(llava_checkpoint("tied") + "/config.json"));
  config["text_config"]["hidden_size"] = 65536;
  config["text_config"]["intermediate_size"] = 262144;
  config["text_config"]["num_hidden_layers"] = 1000;
  const test::TemporaryFolder made;
  const std::string path = made.write("config.json", config.dump());
  const Error error = error_of([&] { load("random:" + path, "bfloat16"); });
  EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(std::string(error.what()).find("GB"), std::string::npos) << error.what();
}

TEST(LlavaModel, TheDtypeThatFitsIsNamed) {
  const int64_t free = free_bytes_of(at::kCPU);
  ASSERT_GT(free, 0);
  check_weights_fit("small", free / 8, 0, at::kCPU, at::kFloat);
  const Error error =
      error_of([&] { check_weights_fit("large", free / 3, 0, at::kCPU, at::kFloat); });
  EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(std::string(error.what()).find("bfloat16"), std::string::npos) << error.what();
}

TEST(LlavaModel, TheWindowThatFitsIsNamed) {
  const int64_t free = free_bytes_of(at::kCPU);
  ASSERT_GT(free, 0);
  const int64_t per_token = free / 4000;  // a window and its copy: 2000 tokens fit
  check_window_fits(1000, per_token, 1 << 20, at::kCPU, at::kFloat);
  const Error error =
      error_of([&] { check_window_fits(4000, per_token, 1 << 20, at::kCPU, at::kFloat); });
  EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(std::string(error.what()).find("window-tokens=1"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace m3
