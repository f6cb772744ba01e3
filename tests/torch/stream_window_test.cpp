#include "core/torch/stream_window.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
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
at::Tensor question_logits(StreamWindow& window, const std::string& question) {
  const Decoder& decoder = tiny_model().decoder;
  const std::vector<int32_t> ids = tiny_model().layout.question_ids(question);
  const int64_t rows = static_cast<int64_t>(ids.size());
  EXPECT_TRUE(window.prefill(kNever));
  KvBranch branch(decoder.shape(), decoder.options(), decoder.rope());
  window.copy_to(branch, rows);
  branch.begin(rows);
  DecoderPass pass(decoder, decoder.embed(ids), {{rows, &branch}});
  pass.finish();
  branch.commit();
  return decoder.logits(pass.hidden());
}

// The same from one flat sequence with WindowLayout's mask, in plain operators.
at::Tensor one_shot_logits(const std::vector<FrameTokens>& frames, const std::string& question) {
  const Model& model = tiny_model();
  // The tiny model's random numbers are drawn for tower and projector first.
  RandomSource random(7);
  GraphTower(model.config.folder + "/" + model.config.tower.graph, random, model.config.tower,
             model.config.preprocess.size_px, at::kCPU, at::kFloat);
  Projector(random, model.config.tower.features, model.config.projector.hidden, 64, 36, at::kCPU,
            at::kFloat);
  const test::PlainLlama plain(model.decoder.shape(), *random_llama(model.decoder.shape(), random));

  std::vector<SpanShape> shapes;
  std::vector<at::Tensor> visual;
  for (const FrameTokens& one : frames) {
    shapes.push_back({one.pts_ns, one.tokens.scale()});
    visual.push_back(values_of(*one.tokens.shown(), at::kFloat));
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
    for (int64_t column = 0; column < size; ++column) {
      sees[row][column] = model.layout.sees(flat, index, static_cast<size_t>(column));
    }
  }
  const at::Tensor logits = plain.logits(x, at::tensor(flat.positions, at::kInt), sees);
  const int64_t rows = static_cast<int64_t>(model.layout.question_ids(question).size());
  return logits.narrow(0, size - rows, rows);
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
  EXPECT_LT(relative_error(question_logits(window, "What?"), one_shot_logits({}, "What?")), 1e-5);
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

TEST_F(StreamWindowTest, AfterDroppingItIsAFreshWindowOfWhatIsLeft) {
  StreamWindow window(tiny_model(), options_);
  for (int number = 1; number <= 40; ++number) {
    window.append(frame(number, number % 4 == 0 ? 36 : 9));
    if (number % 3 == 0) {
      EXPECT_TRUE(window.prefill(kNever));
    }
  }
  // At most 80 visual tokens and 6 frames.
  const WindowSummary summary = window.summary();
  EXPECT_EQ(summary.frames, 4);  // 9 9 9 36; one more 9 would fit but stands behind a 36
  EXPECT_EQ(summary.visual_tokens, 63);
  EXPECT_EQ(summary.from_ns, 37 * kSecond);
  EXPECT_EQ(summary.to_ns, 40 * kSecond);
  StreamWindow fresh(tiny_model(), options_);
  for (int number = 37; number <= 40; ++number)
    fresh.append(frame(number, number % 4 == 0 ? 36 : 9));
  EXPECT_TRUE(question_logits(window, "What?").equal(question_logits(fresh, "What?")));
}

TEST_F(StreamWindowTest, StaysWithinWhatTheModelWasTrainedForUnlessToldOtherwise) {
  options_.window_tokens = 0;
  StreamWindow trained(tiny_model(), options_);
  options_.window_tokens = 20;
  StreamWindow told(tiny_model(), options_);
  for (int number = 1; number <= 30; ++number) {
    trained.append(frame(number, 1));
    told.append(frame(number, 1));
  }
  EXPECT_EQ(trained.summary().frames, 6);
  EXPECT_EQ(told.summary().frames, 20);
}

TEST_F(StreamWindowTest, NeverOutgrowsTheModelsContext) {
  options_.window_tokens = 100000;
  StreamWindow window(tiny_model(), options_);
  for (int number = 1; number <= 60; ++number) window.append(frame(number, 36));
  // Half of the context of 512 is left for the question.
  EXPECT_LE(window.summary().positions, 256);
  EXPECT_GT(window.summary().positions, 256 - 2 * 41);
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
