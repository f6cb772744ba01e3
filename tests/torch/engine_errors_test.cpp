// Whatever is wrong with a model gives one clear error when it is opened.
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/error.h"
#include "tests/support/collecting_sink.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"
#include "tests/torch/model_folder.h"

namespace m3 {
namespace {

using test::error_of;
using test::ModelFolder;

std::shared_ptr<Engine> open(const std::string& model, const std::string& device = "cpu",
                             const std::string& dtype = "float32") {
  EngineOptions options;
  options.model = model;
  options.device = device;
  options.dtype = dtype;
  return shared_engine(options);
}

Error refusal(const std::string& model, const std::string& device = "cpu",
              const std::string& dtype = "float32") {
  return error_of([&] { open(model, device, dtype); });
}

void expect_says(const Error& error, ErrorCode code, const std::string& part) {
  EXPECT_EQ(error.code(), code) << error.what();
  EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
}

const std::string kRandomTiny = std::string("random:") + M3_TINY_MODEL + "/config.json";

TEST(OpeningAModel, WorksWhenAllIsThere) {
  const ModelFolder model;
  const std::shared_ptr<Engine> engine = open(model.write());
  const ModelInfo& info = engine->info();
  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.family, "adapter");
  EXPECT_EQ(info.device, "cpu");
  EXPECT_EQ(info.dtype, "float32");
  EXPECT_EQ(info.attention, "spans");
  EXPECT_EQ(info.ladder, (std::vector<int>{1, 9, 36}));
  EXPECT_EQ(info.embedding_dim, 64);
  EXPECT_EQ(info.context_tokens, 128);
  EXPECT_EQ(info.trained_frames, 6);
  EXPECT_EQ(info.kv_bytes_per_token, 2 * 2 * 2 * 16 * 4);
  EXPECT_EQ(info.id.size(), 16u);
  test::Picture picture(PixelFormat::kRgb, 31, 17);
  const auto session = engine->create_session({});
  session->append({engine->encode({picture.view(), 36}).get(), kNoTime});
  const auto sink = std::make_shared<test::CollectingSink>();
  Question question;
  question.text = "hello";
  EXPECT_NE(sink->wait(session->ask(question, sink)).answers.at(0).finish, Finish::kError);
}

TEST(OpeningAModel, TheIdChangesWithTheWeights) {
  ModelFolder model;
  const std::string first = open(model.write())->info().id;
  EXPECT_EQ(open(model.write())->info().id, first);
  model.adapter["proj.mean"][3].fill_(0.5);
  EXPECT_NE(open(model.write())->info().id, first);
}

TEST(OpeningAModel, TellsWhichDeviceOrDtypeItCannotUse) {
  expect_says(refusal(kRandomTiny, "gpu"), ErrorCode::kInvalidArgument,
              "Device \"gpu\" is not known; give auto, cpu, cuda or cuda:N");
  expect_says(refusal(kRandomTiny, "cuda:x"), ErrorCode::kInvalidArgument, "\"cuda:x\"");
  expect_says(refusal(kRandomTiny, "cuda:99"), ErrorCode::kNotFound, "Device \"cuda:99\"");
  expect_says(refusal(kRandomTiny, "cpu", "float8"), ErrorCode::kInvalidArgument,
              "Dtype \"float8\" is not known; give auto, float32, bfloat16 or, on CUDA, float16");
  expect_says(refusal(kRandomTiny, "cpu", "float16"), ErrorCode::kInvalidArgument,
              "Dtype \"float16\" is for CUDA only");
}

TEST(OpeningAModel, TellsWhatIsWrongWithARandomName) {
  expect_says(refusal(kRandomTiny + ",seven"), ErrorCode::kInvalidArgument, "\"seven\" is no seed");
  expect_says(refusal("random:/nowhere/config.json"), ErrorCode::kNotFound, "/nowhere/config.json");
  expect_says(refusal("/nowhere"), ErrorCode::kNotFound, "/nowhere");
}

TEST(OpeningAModel, ASeedMakesAnotherRandomModel) {
  const std::string seven = open(kRandomTiny + ",7")->info().id;
  EXPECT_NE(open(kRandomTiny + ",8")->info().id, seven);
  EXPECT_EQ(open(kRandomTiny + ",0")->info().id, open(kRandomTiny)->info().id);
}

TEST(OpeningAModel, NamesAMissingBaseFile) {
  const ModelFolder model;
  model.write();
  std::filesystem::remove(model.path("llm.gguf"));
  expect_says(refusal(model.path("")), ErrorCode::kNotFound, "llm.gguf");
}

TEST(OpeningAModel, NamesATensorOfTheWrongShape) {
  {
    ModelFolder model;
    model.tower["head.weight"] = model.tower["head.weight"].narrow(0, 0, 23).contiguous();
    expect_says(refusal(model.write()), ErrorCode::kCorrupt,
                "tower.safetensors: tensor head.weight has shape [23, 8, 1, 1], the model needs "
                "[24, 8, 1, 1]");
  }
  {
    ModelFolder model;
    model.adapter["blocks.1.gu_b.1"] =
        model.adapter["blocks.1.gu_b.1"].narrow(0, 0, 95).contiguous();
    expect_says(
        refusal(model.write()), ErrorCode::kCorrupt,
        "adapter.safetensors: tensor blocks.1.gu_b.1 has shape [95, 2], the model needs [96, 2]");
  }
  {
    ModelFolder model;
    model.llm["blk.0.attn_k.weight"] =
        model.llm["blk.0.attn_k.weight"].narrow(0, 0, 16).contiguous();
    expect_says(
        refusal(model.write()), ErrorCode::kCorrupt,
        "llm.gguf: tensor blk.0.attn_k.weight has shape [16, 64], the model needs [32, 64]");
  }
}

TEST(OpeningAModel, NamesAMissingTensor) {
  ModelFolder model;
  model.adapter.erase("proj.place_out");
  expect_says(refusal(model.write()), ErrorCode::kCorrupt, "proj.place_out");
}

TEST(OpeningAModel, RefusesAnotherArchitecture) {
  ModelFolder model;
  model.architecture = "mamba";
  expect_says(refusal(model.write()), ErrorCode::kUnsupported, "architecture 'mamba'");
}

TEST(OpeningAModel, RefusesHeadsThatDoNotDivide) {
  ModelFolder model;
  model.numbers["attention.head_count_kv"] = 3;
  expect_says(refusal(model.write()), ErrorCode::kCorrupt, "4 heads of 16 over 3");
}

TEST(OpeningAModel, RefusesAnotherLayout) {
  ModelFolder model;
  model.config["layout_version"] = 2;
  expect_says(refusal(model.write()), ErrorCode::kMismatch, "layout_version");
}

TEST(OpeningAModel, RefusesAShapeThatTheFileContradicts) {
  ModelFolder model;
  model.config["llm"] = {{"hidden", 64},     {"intermediate", 96}, {"layers", 2},
                         {"heads", 4},       {"kv_heads", 4},      {"head_dim", 16},
                         {"vocabulary", 12}, {"context", 128}};
  expect_says(refusal(model.write()), ErrorCode::kMismatch, "llm.gguf is not of the shape");
  model.config["llm"]["kv_heads"] = 2;
  EXPECT_EQ(open(model.write())->info().context_tokens, 128);
}

TEST(OpeningAModel, SaysWhatAConfigForRandomWeightsLacks) {
  ModelFolder model;
  model.config.erase("adapter");
  expect_says(refusal(model.write()), ErrorCode::kCorrupt, "\"adapter\" is missing");
}

// Every file cut at several places: an error, never a crash and never a model.
TEST(OpeningAModel, RefusesFilesThatAreCut) {
  const ModelFolder model;
  for (const char* name :
       {"config.json", "tower.json", "tower.safetensors", "adapter.safetensors", "llm.gguf"}) {
    for (const double share : {0.0, 0.1, 0.5, 0.9, 0.999}) {
      model.write();
      const auto bytes = std::filesystem::file_size(model.path(name));
      std::filesystem::resize_file(model.path(name),
                                   static_cast<uintmax_t>(static_cast<double>(bytes) * share));
      const Error error = error_of([&] { open(model.path("")); });
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt)
          << name << " at " << share << ": " << error.what();
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

TEST(OpeningAModel, StopsWhenToldTo) {
  const ModelFolder model;
  EngineOptions options;
  options.model = model.write();
  options.device = "cpu";
  std::stop_source stop;
  const auto stop_at_half = [&](double fraction, std::string_view) {
    if (fraction >= 0.5) stop.request_stop();
  };
  EXPECT_EQ(error_of([&] { shared_engine(options, stop_at_half, stop.get_token()); }).code(),
            ErrorCode::kCancelled);
}

TEST(OpeningAModel, ReportsItsProgress) {
  const ModelFolder model;
  EngineOptions options;
  options.model = model.write();
  options.device = "cpu";
  std::vector<double> fractions;
  shared_engine(options, [&](double fraction, std::string_view) { fractions.push_back(fraction); });
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_GE(fractions.front(), 0);
  EXPECT_EQ(fractions.back(), 1);
}

TEST(ABrokenModel, EndsAnswersWithAnErrorNotRubbish) {
  ModelFolder model;
  model.llm["output_norm.weight"].fill_(std::numeric_limits<float>::quiet_NaN());
  const auto engine = open(model.write());
  const auto session = engine->create_session({});
  const auto sink = std::make_shared<test::CollectingSink>();
  Question question;
  question.text = "hello";
  const Answer answer = sink->wait(session->ask(question, sink)).answers.at(0);
  EXPECT_EQ(answer.finish, Finish::kError);
  EXPECT_NE(answer.error, "");
  EXPECT_EQ(answer.text, "");
}

TEST(Encoding, RefusesAScaleOffTheLadder) {
  const auto engine = open(kRandomTiny);
  test::Picture picture(PixelFormat::kRgb, 31, 17);
  EXPECT_EQ(error_of([&] {
              engine->encode({picture.view(), 4});
            }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] {
              engine->encode({picture.view(), 0});
            }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(engine->encode({picture.view(), 9}).get().finest_scale(), 9);
  EXPECT_EQ(engine->encode({picture.view(), 1000}).get().finest_scale(), 36);
}

}  // namespace
}  // namespace m3
