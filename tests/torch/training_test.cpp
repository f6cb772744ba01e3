// Training on a tiny model: losses, gradients, and that a run goes on as if it had never ended.
#include "core/torch/train/torch_trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/engine.h"
#include "core/error.h"
#include "core/torch/model.h"
#include "tests/support/error_of.h"
#include "tests/torch/tiny_model.h"
#include "tests/torch/training_fixture.h"

namespace m3 {
namespace {

using test::made_examples;
using test::options_for;

constexpr int32_t kEnd = 0;  // the id that ends an answer

class TrainingTest : public testing::Test {
 protected:
  std::unique_ptr<TorchTrainer> trainer(const TrainerOptions& options) const {
    return std::make_unique<TorchTrainer>(options, pictures_, ProgressFn(), std::stop_token());
  }
  std::unique_ptr<TorchTrainer> trainer(bool keep_adapter = true,
                                        const std::string& features = {}) const {
    TrainerOptions options = options_for(path_, keep_adapter);
    options.features = features;
    return trainer(options);
  }
  std::unique_ptr<TorchTrainer> full_trainer() const {
    TrainerOptions options = options_for(path_, true);
    options.full = true;
    return trainer(options);
  }
  void expect_slopes(TorchTrainer& model);
  // What was written, after a few steps that answers follow.
  ModelConfig written_as_trained(TorchTrainer& model) const;
  // The picture of `number` as the engine sees it, and the logits behind the question.
  at::Tensor traced_logits(const std::string& model, size_t number, int scale,
                           const std::string& question) const {
    EngineOptions options;
    options.model = model;
    options.device = "cpu";
    options.dtype = "float32";
    const RgbPicture picture = pictures_.load(number);
    TraceRequest request;
    request.picture.emplace();
    request.picture->format = PixelFormat::kRgb;
    request.picture->width_px = picture.width_px;
    request.picture->height_px = picture.height_px;
    request.picture->planes[0] = {picture.rgb.data(), ptrdiff_t{3} * picture.width_px};
    request.scale = scale;
    request.prompt = question;
    request.max_new_tokens = 1;
    for (const TraceTensor& tensor : shared_engine(options)->trace(request)) {
      if (tensor.name != "logits") continue;
      return at::tensor(tensor.values).view(tensor.shape).select(0, tensor.shape[0] - 1);
    }
    return {};
  }

  test::ModelFolder folder_;
  std::string path_ = folder_.write();
  test::MadePictures pictures_{12};
  test::TemporaryFolder out_;
};

ModelConfig TrainingTest::written_as_trained(TorchTrainer& model) const {
  TrainingExample example;
  example.frames = {{3, std::nullopt, 9}};
  example.turns = {{"hello", "", "object"}};
  StepOptions options;
  options.rate = 1e-3;
  const double before = model.loss({&example, 1}, {});
  for (int step = 0; step < 5; ++step) model.step({&example, 1}, options);
  EXPECT_LT(model.loss({&example, 1}, {}), before);
  const std::string folder = out_.path() + "/model";
  for (int times = 0; times < 2; ++times) {  // the second one replaces the first
    model.write_model(folder);
    const double wanted =
        -at::log_softmax(traced_logits(folder, 3, 9, "hello"), 0)[kEnd].item<double>();
    // Weights are written as bfloat16, and features are float16 here.
    EXPECT_NEAR(model.loss({&example, 1}, {}), wanted, 0.02 * wanted + 0.01);
  }
  EXPECT_FALSE(std::filesystem::exists(folder + ".part"));
  return read_model_config(folder);
}

// The slope along a direction by two losses, and by the gradient.
void TrainingTest::expect_slopes(TorchTrainer& model) {
  const std::vector<TrainingExample> examples = made_examples();
  model.gather_gradients(examples, {});
  std::map<std::string, at::Tensor> gradients;
  for (const std::string& name : model.adapter().learned_names())
    gradients[name] = model.adapter().get(name).grad().clone();
  const at::NoGradGuard no_gradients;
  uint64_t seed = 1;
  for (const auto& [name, gradient] : gradients) {
    const at::Tensor values = model.adapter().get(name);
    const at::Tensor kept = values.clone();
    ASSERT_GT(gradient.norm().item<double>(), 0) << name;
    // Along the gradient, and along a random half of it: what is missing or too much in any place
    // shows in one of them.
    for (const bool half : {false, true}) {
      const at::Tensor part =
          half ? gradient * (test::numbers(++seed, gradient.sizes().vec()) > 0) : gradient;
      const double length = part.norm().item<double>();
      const at::Tensor direction = part / length;
      constexpr double kStep = 5e-3;
      values.copy_(kept + direction * kStep);
      const double above = model.loss(examples, {});
      values.copy_(kept - direction * kStep);
      const double below = model.loss(examples, {});
      values.copy_(kept);
      // Two losses in float32 are good to about 1e-7 of themselves.
      EXPECT_NEAR((above - below) / (2 * kStep), length, 0.01 * length + 2e-4) << name;
    }
  }
}

TEST_F(TrainingTest, LossIsTheOneOfTheEnginesOwnLogits) {
  for (const int scale : {1, 9, 36}) {
    TrainingExample example;
    example.frames = {{3, std::nullopt, scale}};
    example.turns = {{"hello", "", "object"}};  // the end alone
    const double found = trainer()->loss({&example, 1}, {});
    const at::Tensor logits = traced_logits(path_, 3, scale, "hello");
    const double wanted = -at::log_softmax(logits, 0)[kEnd].item<double>();
    EXPECT_NEAR(found, wanted, 2e-3 * wanted) << scale;  // features are float16 here
  }
}

TEST_F(TrainingTest, BranchesDoNotSeeEachOther) {
  const auto model = trainer();
  const TrainingExample both = made_examples().front();
  double sum = 0;
  for (const TrainingTurn& turn : both.turns) {
    TrainingExample one = both;
    one.turns = {turn};
    sum += model->loss({&one, 1}, {});
  }
  EXPECT_NEAR(model->loss({&both, 1}, {}), sum / 2, 1e-5);
}

TEST_F(TrainingTest, ABatchIsTheMeanOfItsQuestions) {
  const auto model = trainer();
  const std::vector<TrainingExample> examples = made_examples();
  const double first = model->loss({&examples[0], 1}, {});
  const double second = model->loss({&examples[1], 1}, {});
  EXPECT_NEAR(model->loss(examples, {}), (2 * first + 3 * second) / 5, 1e-5);
}

TEST_F(TrainingTest, AllScalesIsTheMeanOverTheLadder) {
  const auto model = trainer();
  TrainingExample example = made_examples().front();
  double sum = 0;
  for (const int scale : {1, 9, 36}) {
    example.frames[0].scale = scale;
    sum += model->loss({&example, 1}, {});
  }
  example.frames[0].scale = 0;
  StepOptions options;
  options.all_scales = true;
  EXPECT_NEAR(model->loss({&example, 1}, options), sum / 3, 1e-5);
}

TEST_F(TrainingTest, DrawnScalesFollowTheirWeights) {
  TrainingExample example;
  example.frames.assign(1000, {0, std::nullopt, 0});
  example.turns = {{"hello", "!", "object"}};
  StepOptions options;
  options.scale_weights = {1, 0, 3};
  const auto windows = plan_windows({&example, 1}, {1, 9, 36}, options);
  ASSERT_EQ(windows.size(), 1U);
  const auto count = [&](int scale) {
    return std::count(windows[0].scales.begin(), windows[0].scales.end(), scale);
  };
  EXPECT_EQ(count(9), 0);
  EXPECT_NEAR(static_cast<double>(count(1)), 250, 50);
  options.seed = 2;
  EXPECT_NE(plan_windows({&example, 1}, {1, 9, 36}, options)[0].scales, windows[0].scales);
}

TEST_F(TrainingTest, GradientsAreTheSlopesOfTheLoss) {
  const auto model = trainer();
  EXPECT_EQ(model->adapter().learned_names().size(), 8U + 2 * 11);
  expect_slopes(*model);
}

TEST_F(TrainingTest, GradientsOfFullUpdatesAreTheSlopesOfTheLoss) {
  const auto model = full_trainer();
  EXPECT_EQ(model->adapter().learned_names().size(), 8U + 2 * 4);
  expect_slopes(*model);
}

TEST_F(TrainingTest, FullUpdatesBeginWhereLowRankOnesWere) {
  const std::vector<TrainingExample> examples = made_examples();
  const double wanted = trainer()->loss(examples, {});
  EXPECT_NEAR(full_trainer()->loss(examples, {}), wanted, 1e-5 * wanted);
}

// The same window in PyTorch, written down anew from the formats' documents.
TEST_F(TrainingTest, LossAndGradientsAreThoseOfPyTorch) {
  const std::string python = M3_TORCH_PYTHON;
  if (std::system((python + " -c 'import torch, safetensors' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no Python with torch and safetensors";
  const auto model = trainer();
  const std::vector<TrainingExample> examples = made_examples();
  const double loss = model->gather_gradients(examples, {});
  const TrainingModel parts = load_training_model(options_for(path_, true), {}, {});
  nlohmann::json windows = nlohmann::json::array();
  for (const TrainingExample& example : examples) {
    nlohmann::json window;
    for (const TrainingFrame& frame : example.frames) {
      const int64_t pts = frame.second ? static_cast<int64_t>(*frame.second * 1e9) : kNoTime;
      window["spans"].push_back({{"marker", parts.layout.marker_ids(pts)},
                                 {"picture", frame.picture},
                                 {"scale", frame.scale}});
    }
    for (const TrainingTurn& turn : example.turns) {
      std::vector<int32_t> answer = parts.layout.tokenizer().encode(turn.answer);
      answer.push_back(kEnd);
      window["branches"].push_back(
          {{"question", parts.layout.question_ids(turn.question)}, {"answer", answer}});
    }
    windows.push_back(window);
  }
  const nlohmann::json meta = {{"windows", windows}, {"prefix", parts.layout.prefix_ids({})},
                               {"heads", 4},         {"kv_heads", 2},
                               {"theta", 10000.0},   {"epsilon", 1e-5},
                               {"grid", 6},          {"layers", 2},
                               {"rank", 2},          {"factor", 0.5},
                               {"loss", loss}};
  out_.write("case.json", meta.dump());
  std::vector<at::Tensor> alive;
  std::vector<TensorToWrite> entries;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    alive.push_back(tensor.detach().to(at::kFloat).contiguous());
    entries.push_back(
        {name,
         DType::kF32,
         tensor.sizes().vec(),
         {static_cast<const std::byte*>(alive.back().const_data_ptr()), alive.back().nbytes()}});
  };
  for (const auto& [name, tensor] : folder_.llm) add("llm." + name, tensor);
  for (const auto& [name, tensor] : model->adapter().all()) {
    add("adapter." + name, tensor);
    if (tensor.requires_grad()) add("gradient." + name, tensor.grad());
  }
  TrainingModel again = load_training_model(options_for(path_, true), {}, {});
  PictureFeatures features(std::move(again.tower), {PictureFit::Kind::kStretch, 24}, at::kCPU,
                           pictures_, "", "", 0);
  for (size_t picture = 0; picture < 3; ++picture)
    add("features." + std::to_string(picture), features.of(picture));
  write_safetensors(out_.path() + "/case.safetensors", entries);
  const std::string command =
      python + " " + M3_SOURCE_DIR + "/tests/torch/training_in_pytorch.py " + out_.path();
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(TrainingTest, TrainingLowersTheLoss) {
  const auto model = trainer(false);
  const std::vector<TrainingExample> examples = made_examples();
  std::vector<StartPicture> known;
  for (size_t i = 0; i < pictures_.size(); ++i) known.push_back({i, i % 2 == 0 ? "hello" : "o"});
  const ProjectorStart start = model->fit_projector(known);
  EXPECT_EQ(start.pictures, 12U);
  EXPECT_EQ(start.known, 12U);
  const double before = model->loss(examples, {});
  StepOptions options;
  options.rate = 2e-2;
  options.projector_rate = 2e-2;
  for (int step = 0; step < 100; ++step) model->step(examples, options);
  // The tiny model's small last norm keeps its logits together: it cannot be sure of anything.
  EXPECT_LT(model->loss(examples, {}), 0.8 * before);
}

TEST_F(TrainingTest, Bfloat16IsNearFloat32) {
  const std::vector<TrainingExample> examples = made_examples();
  TrainerOptions options = options_for(path_, true);
  options.dtype = "bfloat16";
  TorchTrainer half(options, pictures_, {}, {});
  const auto full = trainer();
  StepOptions step;
  const double first = full->step(examples, step);
  EXPECT_NEAR(half.step(examples, step), first, 0.05 * first);
  const double second = full->step(examples, step);
  EXPECT_NEAR(half.step(examples, step), second, 0.05 * second);
}

TEST_F(TrainingTest, GoesOnToTheSameBits) {
  const std::vector<TrainingExample> examples = made_examples();
  const std::string state = out_.path() + "/state.safetensors";
  StepOptions options;
  const auto steps = [&](TorchTrainer& model, int from, int to) {
    std::vector<double> losses;
    for (int step = from; step < to; ++step) {
      options.seed = static_cast<uint64_t>(step);
      losses.push_back(model.step(examples, options));
    }
    return losses;
  };
  const auto unbroken = trainer(false);
  steps(*unbroken, 0, 3);
  unbroken->save(state, {{"step", "3"}});
  const std::vector<double> wanted = steps(*unbroken, 3, 6);
  const auto resumed = trainer(false);
  EXPECT_EQ(resumed->load(state), (std::map<std::string, std::string>{{"step", "3"}}));
  EXPECT_EQ(steps(*resumed, 3, 6), wanted);
}

TEST_F(TrainingTest, KeptFeaturesAreTheSameNumbers) {
  const std::string file = out_.path() + "/features.bin";
  const std::vector<TrainingExample> examples = made_examples();
  const double computed = trainer(true, file)->loss(examples, {});
  const size_t loads = pictures_.loads;
  EXPECT_EQ(loads, 3U);
  EXPECT_EQ(trainer(true, file)->loss(examples, {}), computed);
  EXPECT_EQ(pictures_.loads, loads);  // none was asked for again
  EXPECT_EQ(trainer(true)->loss(examples, {}), computed);
}

TEST_F(TrainingTest, AModelIsWrittenThatAnswersAsItWasTrained) {
  const auto model = trainer(false);
  std::vector<StartPicture> known;
  for (size_t i = 0; i < pictures_.size(); ++i) known.push_back({i, "hello"});
  model->fit_projector(known);
  const ModelConfig config = written_as_trained(*model);
  EXPECT_EQ(config.updates.rank, 2);
  EXPECT_EQ(config.updates.factor, 1);
  EXPECT_FALSE(config.updates.full);
  EXPECT_EQ(config.trained_frames, 1);
  EXPECT_EQ(config.trained_visual_tokens, 9);
}

TEST_F(TrainingTest, AModelWithFullUpdatesIsWrittenThatAnswersAsItWasTrained) {
  const auto model = full_trainer();
  const ModelConfig config = written_as_trained(*model);
  EXPECT_TRUE(config.updates.full);
  EXPECT_EQ(config.updates.rank, 0);
  TrainerOptions options = options_for(config.folder, true);
  const Error error = test::error_of([&] { trainer(options); });
  EXPECT_EQ(error.code(), ErrorCode::kMismatch) << error.what();
  options.full = true;
  const std::vector<TrainingExample> examples = made_examples();
  const double wanted = model->loss(examples, {});
  EXPECT_NEAR(trainer(options)->loss(examples, {}), wanted, 0.02 * wanted);
}

TEST_F(TrainingTest, AFullDiskLeavesTheLastStateWhole) {
  const std::string state = out_.path() + "/state.safetensors";
  const auto model = trainer();
  model->save(state, {{"step", "1"}});
  const auto bytes = [&] {
    std::ifstream file(state, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = bytes();
  rlimit kept{};
  getrlimit(RLIMIT_FSIZE, &kept);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = kept;
  tight.rlim_cur = before.size() / 2;
  setrlimit(RLIMIT_FSIZE, &tight);
  const Error error = test::error_of([&] { model->save(state, {{"step", "2"}}); });
  setrlimit(RLIMIT_FSIZE, &kept);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error.code(), ErrorCode::kInternal);
  EXPECT_NE(std::string(error.what()).find(state), std::string::npos) << error.what();
  EXPECT_EQ(bytes(), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out_.path()), {}), 1);
}

TEST_F(TrainingTest, WhatDoesNotFitIsOneClearError) {
  const auto model = trainer();
  const auto refusal = [&](const TrainingExample& example) {
    const Error error = test::error_of([&] { model->loss({&example, 1}, {}); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    return std::string(error.what());
  };
  TrainingExample example = made_examples().front();
  example.frames[0].scale = 4;
  EXPECT_EQ(refusal(example), "Training example: scale 4 is not of the model's ladder");
  example = made_examples().front();
  example.turns.clear();
  EXPECT_EQ(refusal(example), "Training example: it has no question");
  example = made_examples().front();
  example.frames.resize(4, example.frames.front());
  EXPECT_EQ(refusal(example), "Training example: it takes more positions than the model has, 128");
  example = made_examples().front();
  example.frames[0].picture = 99;
  EXPECT_EQ(refusal(example), "Training example: there is no picture 99");
  pictures_.bad = 0;
  EXPECT_EQ(test::error_of([&] { model->look_at(0); }).code(), ErrorCode::kCorrupt);
}

TEST_F(TrainingTest, Float16IsRefused) {
  TrainerOptions options = options_for(path_, true);
  options.dtype = "float16";
  const Error error =
      test::error_of([&] { TorchTrainer(options, pictures_, ProgressFn(), std::stop_token()); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(std::string(error.what()).find("not for training"), std::string::npos) << error.what();
}

TEST_F(TrainingTest, AStateOfAnotherModelIsRefused) {
  const std::string state = out_.path() + "/state.safetensors";
  trainer(true)->save(state, {});
  EXPECT_EQ(test::error_of([&] { trainer(false)->load(state); }).code(), ErrorCode::kMismatch);
  EXPECT_EQ(test::error_of([&] { trainer(true)->load(path_ + "/adapter.safetensors"); }).code(),
            ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace m3
