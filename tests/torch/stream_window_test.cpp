#include "core/torch/stream_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/torch/failing_allocator.h"
#include "tests/torch/tiny_model.h"
#include "tests/torch/window_logits.h"

namespace m3 {
namespace {

using test::error_of;
using test::kSecond;
using test::made_tokens;
using test::one_shot_logits;
using test::question_logits;
using test::relative_error;
using test::tiny_model;

constexpr auto kNow = DecoderPass::Clock::time_point::min();
constexpr auto kNever = DecoderPass::Clock::time_point::max();

FrameTokens frame(int number, int scale) {
  return {made_tokens(static_cast<uint64_t>(number), scale), number * kSecond};
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
                           one_shot_logits(std::vector<test::Place>{}, "What?")),
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

TEST_F(StreamWindowTest, YearsOfStreamFitTheContext) {
  options_.window_tokens = 100;
  StreamWindow window(tiny_model(), options_);
  constexpr int64_t kYear = int64_t{365} * 24 * 3600 * kSecond;
  for (int number = 0; number < 400; ++number) {
    FrameTokens next = frame(number, number % 4 == 0 ? 36 : 9);
    next.pts_ns = number / 2 * (kYear / 4) + number % 2 * kSecond;
    window.append(next);
    ASSERT_LE(window.summary().positions, 256);
  }
  EXPECT_EQ(window.summary().to_ns, 199 * (kYear / 4) + kSecond);
  EXPECT_TRUE(window.prefill(kNever));
  EXPECT_GT(window.summary().frames, 2);
}

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

// Memory runs out at every place of an append in turn; each time all is as it was, and goes on.
TEST_F(StreamWindowTest, AFrameThatCannotBeTakenInLeavesTheWindowAsItWas) {
  options_.window_tokens = 40;
  StreamWindow window(tiny_model(), options_);
  StreamWindow wanted(tiny_model(), options_);
  int failures = 0;
  for (int number = 1; number <= 40; ++number) {
    // Two frames of one second share a marker once they are old, so averages come early.
    const FrameTokens next = {made_tokens(static_cast<uint64_t>(number), number % 2 ? 36 : 9),
                              number / 2 * kSecond};
    wanted.append(next);
    const int frames = window.summary().frames;
    const int visual_tokens = window.summary().visual_tokens;
    for (int passed = 0; number > 8; ++passed) {
      test::FailingAllocator::fail_after(passed);
      bool failed = false;
      try {
        window.append(next);
      } catch (const std::bad_alloc&) {
        failed = true;
      } catch (const Error&) {  // that pooled the frame's own tokens
        failed = true;
      }
      test::FailingAllocator::fail_after(-1);
      if (!failed) break;
      ++failures;
      ASSERT_EQ(window.summary().frames, frames);
      ASSERT_EQ(window.summary().visual_tokens, visual_tokens);
    }
    if (number <= 8) window.append(next);
    if (number % 5 == 0) {
      ASSERT_TRUE(question_logits(window, "What?").equal(question_logits(wanted, "What?")));
    }
  }
  EXPECT_GT(failures, 100);
  EXPECT_EQ(window.memory().spans().size(), wanted.memory().spans().size());
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
