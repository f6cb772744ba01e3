#include "core/torch/stream_window.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/model/model_config.h"
#include "core/torch/adapter_projector.h"
#include "core/torch/graph_tower.h"
#include "tests/support/error_of.h"
#include "tests/torch/plain_llama.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::error_of;
using test::kSecond;
using test::made_tokens;
using test::relative_error;
using test::tiny_model;

constexpr auto kNow = DecoderPass::Clock::time_point::min();
constexpr auto kNever = DecoderPass::Clock::time_point::max();

FrameTokens frame(int number, int scale) {
  return {made_tokens(static_cast<uint64_t>(number), scale), number * kSecond};
}

// The rows of a question asked now, from the branch that the window gives it.
at::Tensor question_logits(StreamWindow& window, const std::string& question,
                           const Model& model = tiny_model()) {
  const Decoder& decoder = model.decoder;
  const std::vector<int32_t> ids = model.layout.question_ids(question);
  const int64_t rows = static_cast<int64_t>(ids.size());
  EXPECT_TRUE(window.prefill(kNever));
  KvBranch branch(decoder.shape(), decoder.options(), decoder.rope());
  branch.start(window.base(), rows);
  branch.begin(rows);
  DecoderPass pass(decoder, decoder.embed(ids), {{rows, &branch}});
  pass.finish();
  branch.commit();
  return decoder.logits(pass.hidden());
}

const test::PlainLlama& plain_llama() {
  static const test::PlainLlama plain = [] {
    const Model& model = tiny_model();
    // The tiny model's random numbers are drawn for tower and projector first.
    RandomSource random(7);
    const ModelConfig config = read_model_config(M3_TINY_MODEL);
    GraphTower(config.folder + "/" + config.tower.graph, random, config.tower,
               config.preprocess.size_px, at::kCPU, at::kFloat);
    AdapterProjector(random, config.tower.features, config.projector.hidden, 64, 36, at::kCPU,
                     at::kFloat);
    return test::PlainLlama(model.decoder.shape(), *random_llama(model.decoder.shape(), random));
  }();
  return plain;
}

// A place of the window, as somebody keeps it who only follows WindowMemory's plan.
struct Place {
  int64_t pts_ns;
  at::Tensor tokens;  // [n, 64]
  int64_t frames = 1;
};

Place place_of(const FrameTokens& frame) {
  return {frame.pts_ns, values_of(*frame.tokens.shown(), at::kFloat)};
}

// A question's logits from one flat sequence with WindowLayout's mask, in plain operators.
at::Tensor one_shot_logits(const std::vector<Place>& places, const std::string& question,
                           const Model& model = tiny_model()) {
  const test::PlainLlama& plain = plain_llama();
  std::vector<SpanShape> shapes;
  std::vector<at::Tensor> visual;
  for (const Place& place : places) {
    shapes.push_back({place.pts_ns, static_cast<int>(place.tokens.size(0))});
    visual.push_back(place.tokens);
  }
  const FlatWindow flat = model.layout.flatten({}, shapes, {question});
  const int64_t size = static_cast<int64_t>(flat.ids.size());
  at::Tensor x = at::empty({size, 64});
  at::Tensor sees = at::empty({size, size}, at::kBool);
  const at::Tensor all_visual = visual.empty() ? at::Tensor() : at::cat(visual);
  int64_t next_visual = 0;
  for (int64_t row = 0; row < size; ++row) {
    const size_t index = static_cast<size_t>(row);
    x[row].copy_(flat.ids[index] == kVisualToken
                     ? all_visual[next_visual++]
                     : plain.embed(at::tensor({flat.ids[index]}, at::kInt))[0]);
    bool* line = sees[row].mutable_data_ptr<bool>();
    for (size_t column = 0; column < flat.ids.size(); ++column) {
      line[column] = model.layout.sees(flat, index, column);
    }
  }
  const at::Tensor logits = plain.logits(x, at::tensor(flat.positions, at::kInt), sees);
  const int64_t rows = static_cast<int64_t>(model.layout.question_ids(question).size());
  return logits.narrow(0, size - rows, rows);
}

at::Tensor one_shot_logits(const std::vector<FrameTokens>& frames, const std::string& question) {
  std::vector<Place> places;
  for (const FrameTokens& one : frames) places.push_back(place_of(one));
  return one_shot_logits(places, question);
}

class StreamWindowTest : public testing::Test {
 protected:
  const c10::InferenceMode inference_;
  SessionOptions options_;
};

TEST_F(StreamWindowTest, AQuestionGetsTheLogitsOfTheFlatWindowWithItsMask) {
  StreamWindow window(tiny_model(), options_);
  std::vector<FrameTokens> frames;
  int number = 0;
  for (const int scale : {9, 36, 1, 1, 9}) {
    frames.push_back(frame(++number, scale));
    window.append(frames.back());
  }
  EXPECT_LT(relative_error(question_logits(window, "What?"), one_shot_logits(frames, "What?")),
            1e-5);
}

TEST_F(StreamWindowTest, AnEmptyWindowIsThePrefixAlone) {
  StreamWindow window(tiny_model(), options_);
  EXPECT_LT(relative_error(question_logits(window, "What?"),
                           one_shot_logits(std::vector<Place>{}, "What?")),
            1e-5);
  EXPECT_EQ(window.summary().frames, 0);
  EXPECT_EQ(window.summary().positions, 6);  // "<s>Look."
  EXPECT_EQ(window.summary().from_ns, kNoTime);
}

// Exactly, not nearly: cutting, batching and asking in between leave every bit of a window as it
// is.
TEST_F(StreamWindowTest, HowTheStreamWasCutChangesNothing) {
  StreamWindow at_once(tiny_model(), options_);
  StreamWindow one_by_one(tiny_model(), options_);
  StreamWindow block_by_block(tiny_model(), options_);
  StreamWindow asked_in_between(tiny_model(), options_);
  int number = 0;
  for (const int scale : {9, 1, 1, 1, 36, 9, 9, 1}) {
    const FrameTokens next = frame(++number, scale);
    at_once.append(next);
    one_by_one.append(next);
    EXPECT_TRUE(one_by_one.prefill(kNever));
    block_by_block.append(next);
    while (!block_by_block.prefill(kNow)) {
    }
    asked_in_between.append(next);
    if (number % 3 == 0) question_logits(asked_in_between, "And now?");
  }
  const at::Tensor wanted = question_logits(at_once, "What?");
  EXPECT_TRUE(question_logits(one_by_one, "What?").equal(wanted));
  EXPECT_TRUE(question_logits(block_by_block, "What?").equal(wanted));
  EXPECT_TRUE(question_logits(asked_in_between, "What?").equal(wanted));
  EXPECT_TRUE(question_logits(at_once, "What?").equal(wanted)) << "a question left its trace";
}

TEST_F(StreamWindowTest, StaysWithinWhatTheModelWasTrainedForUnlessToldOtherwise) {
  options_.window_tokens = 0;
  StreamWindow trained(tiny_model(), options_);
  options_.window_tokens = 20;
  StreamWindow told(tiny_model(), options_);
  for (int number = 1; number <= 30; ++number) {
    trained.append(frame(number, 9));
    told.append(frame(number, 1));
  }
  EXPECT_EQ(trained.memory().spans().size(), 6u);
  EXPECT_LE(trained.summary().visual_tokens, 80);
  EXPECT_EQ(told.summary().visual_tokens, 20);
}

TEST_F(StreamWindowTest, QuestionsOfOneMomentShareItsBaseAndKeepIt) {
  StreamWindow window(tiny_model(), options_);
  window.append(frame(1, 9));
  ASSERT_TRUE(window.prefill(kNever));
  const auto first = window.base();
  EXPECT_EQ(window.base(), first);
  const at::Tensor keys = first->keys(1).clone();
  window.append(frame(2, 36));
  ASSERT_TRUE(window.prefill(kNever));
  const auto second = window.base();
  EXPECT_NE(second, first);
  EXPECT_EQ(second->rows(), first->rows() + 40);
  EXPECT_TRUE(first->keys(1).equal(keys)) << "it changed under the question";
}

TEST_F(StreamWindowTest, NeverOutgrowsTheModelsContext) {
  options_.window_tokens = 100000;
  StreamWindow window(tiny_model(), options_);
  for (int number = 1; number <= 60; ++number) window.append(frame(number, 36));
  // Half of the context of 512 is left for the question.
  EXPECT_LE(window.summary().positions, 256);
  EXPECT_GT(window.summary().positions, 256 - 2 * 41);
}

// A stream that is longer than its window, with whatever happens in between.
struct LongStream {
  const char* attention;
  int seed;
  int window_tokens;
};

class LongStreams : public testing::TestWithParam<LongStream> {
 protected:
  const Model& model() const {
    return GetParam().attention == std::string("spans") ? tiny_model() : test::tiny_causal_model();
  }
  // Carries the plan of `twin` out on the frames' own tokens.
  void append(const FrameTokens& next) {
    MemorySpan entry;
    entry.visual_tokens = next.tokens.scale();
    entry.marker_tokens = static_cast<int>(model().layout.marker_ids(next.pts_ns).size());
    entry.from_ns = entry.to_ns = next.pts_ns;
    const at::Tensor mean = place_of(next).tokens.mean(0);
    entry.mean.assign(mean.const_data_ptr<float>(), mean.const_data_ptr<float>() + 64);
    for (const MemoryOperation& one : twin_->append(entry)) {
      Place& place = places_[one.span];
      const auto behind = places_.begin() + static_cast<std::ptrdiff_t>(one.span) + 1;
      switch (one.kind) {
        case MemoryOperation::Kind::kCoarsen: {
          const int64_t grid = grid_of(static_cast<int>(place.tokens.size(0)));
          place.tokens = pool_square(place.tokens, grid, grid_of(one.visual_tokens));
          ++coarsened_;
          break;
        }
        case MemoryOperation::Kind::kMerge:
          place.tokens = (place.tokens * place.frames + behind->tokens * behind->frames) /
                         (place.frames + behind->frames);
          place.frames += behind->frames;
          places_.erase(behind);
          ++merged_;
          break;
        case MemoryOperation::Kind::kDrop:
          places_.erase(behind - 1);
          ++dropped_;
          break;
      }
    }
    places_.push_back(place_of(next));
  }

  const c10::InferenceMode inference_;
  std::optional<WindowMemory> twin_;
  std::vector<Place> places_;
  int coarsened_ = 0;
  int merged_ = 0;
  int dropped_ = 0;
};

TEST_P(LongStreams, TheWindowIsOneBuiltAfreshFromTheSameSpans) {
  std::mt19937 random(static_cast<unsigned>(GetParam().seed));
  SessionOptions options;
  options.window_tokens = GetParam().window_tokens;
  StreamWindow window(model(), options);
  twin_.emplace(window.memory().limits(), *model().ladder);
  int64_t capacity = 0;
  for (int number = 1; number <= 240; ++number) {
    // Scenes of about 12 frames: the tokens of one scene are alike.
    const int scene = number / 12;
    const int scale = std::vector<int>{1, 9, 36}[random() % 3];
    const at::Tensor values =
        RandomSource(static_cast<uint64_t>(scene)).uniform({36, 64}, 0.5) +
        RandomSource(static_cast<uint64_t>(1000 + number)).uniform({36, 64}, 0.02);
    const FrameTokens next = {
        Tokens(std::make_shared<DeviceTokens>(6, values), model().ladder).pool_to(scale),
        number * 2 * kSecond};
    append(next);
    window.append(next);
    if (random() % 3 == 0) {
      EXPECT_TRUE(window.prefill(kNever));
    }
    if (random() % 7 == 0) window.prefill(kNow);  // left in the middle
    if (number == 120) capacity = window.slab_capacity();
    const WindowSummary summary = window.summary();
    ASSERT_LE(summary.visual_tokens, std::max(options.window_tokens, scale));
    ASSERT_LE(summary.positions, 256);
    if (number % 40 != 0) continue;
    EXPECT_LT(relative_error(question_logits(window, "What?", model()),
                             one_shot_logits(places_, "What?", model())),
              1e-5)
        << number << " frames";
  }
  EXPECT_GT(coarsened_, 20);
  EXPECT_GT(merged_, 20);
  EXPECT_GT(dropped_, 2);
  EXPECT_LE(window.slab_capacity(), std::max<int64_t>(capacity, 256)) << "the slab went on growing";
}

INSTANTIATE_TEST_SUITE_P(Kinds, LongStreams,
                         testing::Values(LongStream{"spans", 1, 12}, LongStream{"spans", 2, 60},
                                         LongStream{"causal", 3, 12}, LongStream{"causal", 4, 60}),
                         [](const auto& info) {
                           return std::string(info.param.attention) +
                                  std::to_string(info.param.window_tokens);
                         });

// What a frame costs once the window is full, in rows that go through the model.
double rows_a_frame(const Model& model, int window_tokens) {
  SessionOptions options;
  options.window_tokens = window_tokens;
  StreamWindow window(model, options);
  int64_t begin = 0;
  for (int number = 1; number <= 300; ++number) {
    if (number == 101) begin = window.rows_computed();
    window.append(frame(number, 9));
    EXPECT_TRUE(window.prefill(kNever));
  }
  return static_cast<double>(window.rows_computed() - begin) / 200;
}

TEST_F(StreamWindowTest, WithSpansAFrameCostsItselfAndWhatBecameCoarser) {
  // 9 + 5 for itself, and 1 + 5 for a frame that becomes one token and is averaged.
  EXPECT_LT(rows_a_frame(tiny_model(), 60), 14 + 2 * 6);
  EXPECT_NEAR(rows_a_frame(tiny_model(), 60), rows_a_frame(tiny_model(), 150), 4);
}

TEST_F(StreamWindowTest, WithCausalAttentionAFrameCostsABoundedShareOfTheWindow) {
  // Of the rows that are made free each brings at most those of the whole window with it once.
  const double cost = rows_a_frame(test::tiny_causal_model(), 60);
  EXPECT_GT(cost, 14);
  EXPECT_LT(cost, 14 / StreamWindow::kCausalSlack + 14);
}

TEST_F(StreamWindowTest, ClearForgetsTheFramesButNotThePrefix) {
  StreamWindow window(tiny_model(), options_);
  for (int number = 1; number <= 4; ++number) window.append(frame(number, 9));
  EXPECT_TRUE(window.prefill(kNever));
  window.clear();
  EXPECT_EQ(window.summary().frames, 0);
  window.append(frame(9, 36));
  StreamWindow fresh(tiny_model(), options_);
  fresh.append(frame(9, 36));
  EXPECT_TRUE(question_logits(window, "What?").equal(question_logits(fresh, "What?")));
}

TEST_F(StreamWindowTest, AnUnfinishedPrefillMayBeInterruptedByAnything) {
  StreamWindow cleared(tiny_model(), options_);
  EXPECT_FALSE(cleared.prefill(kNow));  // in the middle of the prefix
  cleared.clear();
  StreamWindow appended(tiny_model(), options_);
  while (!appended.prefill(kNow)) {
  }
  for (StreamWindow* window : {&cleared, &appended}) {
    window->append(frame(1, 9));
    window->append(frame(2, 36));
  }
  EXPECT_FALSE(appended.prefill(kNow));  // in the middle of the frames
  StreamWindow fresh(tiny_model(), options_);
  for (StreamWindow* window : {&cleared, &appended, &fresh}) window->append(frame(3, 9));
  if (!fresh.prefill(kNever)) FAIL();
  for (StreamWindow* window : {&cleared, &appended}) {
    StreamWindow wanted(tiny_model(), options_);
    for (int number = 1; number <= 3; ++number) wanted.append(frame(number, number == 2 ? 36 : 9));
    EXPECT_TRUE(question_logits(*window, "What?").equal(question_logits(wanted, "What?")));
  }
}

TEST_F(StreamWindowTest, TakesTokensThatWereMadeElsewhere) {
  const Tokens tokens = made_tokens(3, 9);
  std::vector<float> values(9 * 64);
  tokens.shown()->read(values);
  const Tokens host(std::make_shared<HostTokens>(3, 64, values), tiny_model().ladder);
  StreamWindow from_host(tiny_model(), options_);
  from_host.append({host, kSecond});
  StreamWindow from_engine(tiny_model(), options_);
  from_engine.append({tokens, kSecond});
  EXPECT_TRUE(question_logits(from_host, "What?").equal(question_logits(from_engine, "What?")));
}

TEST_F(StreamWindowTest, RefusesASystemPromptThatLeavesNoRoom) {
  options_.system_prompt = std::string(300, 'x');
  const Error error = error_of([&] { StreamWindow(tiny_model(), options_); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(error.what(),
               "the system prompt takes 301 of the model's 512 positions and leaves no room for a "
               "window; shorten it");
}

}  // namespace
}  // namespace m3
