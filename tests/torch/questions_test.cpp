// Questions about one window: what they leave behind, conversations, deadlines.
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/error.h"
#include "core/torch/stream_window.h"
#include "tests/support/error_of.h"
#include "tests/torch/session_fixture.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using std::chrono::steady_clock;
using test::error_of;

class TorchQuestions : public test::TorchSessionTest {
 protected:
  Question in_conversation(const std::string& text, const std::string& name = "talk") {
    Question question = this->question(text, 6);
    question.conversation = name;
    return question;
  }
};

TEST_F(TorchQuestions, AHundredInBetweenChangeNoLaterAnswer) {
  const auto asked = session(true);
  const auto quiet = session(true);
  for (int number = 1; number <= 20; ++number) {
    for (Session* one : {asked.get(), quiet.get()}) one->append(frame(number, number % 2 ? 9 : 36));
    std::vector<RequestId> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(asked->ask(question("And this?", 2), sink_));
    for (const RequestId id : ids) answer(id);
  }
  const Answer wanted = ask(*quiet, "What?");
  const Answer found = ask(*asked, "What?");
  EXPECT_EQ(found.ids, wanted.ids);
  EXPECT_EQ(found.visual_tokens, wanted.visual_tokens);
  EXPECT_EQ(found.frames, 20);
  EXPECT_EQ(asked->stats().questions, 101u);
}

TEST_F(TorchQuestions, ALaterOneOfAConversationSeesTheWindowOfTheFirst) {
  const auto session = this->session();
  session->append(frame(1));
  EXPECT_EQ(answer(session->ask(in_conversation("What?"), sink_)).frames, 1);
  session->append(frame(2));
  EXPECT_EQ(answer(session->ask(in_conversation("And now?"), sink_)).frames, 1);
  EXPECT_EQ(answer(session->ask(in_conversation("What?", "other"), sink_)).frames, 2);
  EXPECT_EQ(ask(*session, "What?").frames, 2);
}

// The likeliest ids behind a window and a prompt, in plain sight.
std::vector<int32_t> greedy(const FrameTokens& frame, const std::vector<int32_t>& prompt,
                            size_t count) {
  const c10::InferenceMode inference;
  const Model& model = test::tiny_model();
  const Decoder& decoder = model.decoder;
  StreamWindow window(model, {});
  window.append(frame);
  EXPECT_TRUE(window.prefill(DecoderPass::Clock::time_point::max()));
  KvBranch branch(decoder.shape(), decoder.options(), decoder.rope());
  branch.start(window.base(), static_cast<int64_t>(prompt.size() + count));
  std::vector<int32_t> said;
  std::vector<int32_t> next = prompt;
  while (said.size() < count) {
    const int64_t rows = static_cast<int64_t>(next.size());
    branch.begin(rows);
    DecoderPass pass(decoder, decoder.embed(next), {{rows, &branch}});
    pass.finish();
    branch.commit();
    const at::Tensor logits = decoder.logits(pass.hidden().narrow(0, rows - 1, 1));
    said.push_back(static_cast<int32_t>(
        logits.narrow(1, 0, model.layout.tokenizer().vocabulary()).argmax().item<int64_t>()));
    next = {said.back()};
  }
  return said;
}

TEST_F(TorchQuestions, AConversationIsOneSequenceOfAllThatWasSaid) {
  const auto session = this->session();
  session->append(frame(1));
  const WindowLayout& layout = test::tiny_model().layout;
  std::vector<int32_t> sequence;
  for (const char* text : {"What?", "Why?", "How?"}) {
    if (!sequence.empty()) sequence.push_back(layout.closing_ids().at(0));
    const std::vector<int32_t> question = layout.question_ids(text);
    sequence.insert(sequence.end(), question.begin(), question.end());
    const Answer said = answer(session->ask(in_conversation(text), sink_));
    EXPECT_EQ(said.ids, greedy(frame(1), sequence, said.ids.size())) << text;
    sequence.insert(sequence.end(), said.ids.begin(), said.ids.end());
  }
}

TEST_F(TorchQuestions, QuestionsOfOneConversationAreAnsweredInTurn) {
  const auto session = this->session();
  session->append(frame(1));
  std::vector<RequestId> together;
  for (const char* text : {"One?", "Two?", "Three?"})
    together.push_back(session->ask(in_conversation(text), sink_));
  session->drain().get();
  std::vector<RequestId> one_by_one;
  for (const char* text : {"One?", "Two?", "Three?"}) {
    one_by_one.push_back(session->ask(in_conversation(text, "again"), sink_));
    answer(one_by_one.back());
  }
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answer(together[i]).ids, answer(one_by_one[i]).ids) << i;
  }
}

TEST_F(TorchQuestions, ACancelledTurnLeavesTheConversationAsItWas) {
  const auto session = this->session();
  session->append(frame(1));
  for (const char* name : {"plain", "cut"}) {
    answer(session->ask(in_conversation("What?", name), sink_));
  }
  Question endless = in_conversation("Go on for long.", "cut");
  endless.max_new_tokens = 300;
  const RequestId cut = session->ask(endless, sink_);
  const RequestId behind = session->ask(in_conversation("Never asked", "cut"), sink_);
  sink_->wait_pieces(cut, 1);
  session->cancel(behind);
  session->cancel(cut);
  EXPECT_EQ(answer(cut).finish, Finish::kCancelled);
  EXPECT_EQ(answer(behind).finish, Finish::kCancelled);
  EXPECT_EQ(answer(session->ask(in_conversation("Why?", "cut"), sink_)).ids,
            answer(session->ask(in_conversation("Why?", "plain"), sink_)).ids);
}

TEST_F(TorchQuestions, FlushForgetsConversations) {
  const auto session = this->session();
  session->append(frame(1));
  answer(session->ask(in_conversation("What?"), sink_));
  const RequestId running = session->ask(in_conversation("Once more?"), sink_);
  const RequestId waiting = session->ask(in_conversation("And again?"), sink_);
  session->flush();
  answer(running);
  answer(waiting);
  session->append(frame(5));
  session->append(frame(6));
  EXPECT_EQ(answer(session->ask(in_conversation("What?"), sink_)).frames, 2);
}

TEST_F(TorchQuestions, OnlyTheNewestConversationsAreRemembered) {
  const auto session = this->session();
  session->append(frame(1));
  for (int i = 0; i <= kConversations; ++i) {
    answer(session->ask(in_conversation("What?", std::to_string(i)), sink_));
  }
  session->append(frame(2));
  EXPECT_EQ(answer(session->ask(in_conversation("And?", "1"), sink_)).frames, 1);
  EXPECT_EQ(answer(session->ask(in_conversation("And?", "0"), sink_)).frames, 2) << "begun anew";
}

TEST_F(TorchQuestions, AConversationThatFillsTheContextSaysSo) {
  const auto session = this->session();
  session->append(frame(1));
  Answer last;
  for (int i = 0; i < 40 && last.finish != Finish::kError; ++i) {
    last = answer(session->ask(in_conversation(std::string(40, 'a')), sink_));
  }
  EXPECT_EQ(last.finish, Finish::kError);
  EXPECT_NE(last.error.find("and a conversation of"), std::string::npos) << last.error;
}

TEST_F(TorchQuestions, ADeadlineEndsAnAnswerWithWhatThereIs) {
  const auto session = this->session();
  session->append(frame(1));
  Question asked = question("Go on for long.", 450);
  asked.deadline_ms = 60;
  const auto begin = steady_clock::now();
  const Answer answer = this->answer(session->ask(asked, sink_));
  if (answer.finish == Finish::kCancelled) {
    EXPECT_GE(steady_clock::now() - begin, std::chrono::milliseconds(60));
    EXPECT_LT(answer.new_tokens, 450);
  }
  asked.deadline_ms = 1;
  asked.max_new_tokens = 450;
  EXPECT_EQ(this->answer(session->ask(asked, sink_)).finish, Finish::kCancelled);
}

TEST_F(TorchQuestions, WhatCannotBeAskedIsRefused) {
  const auto session = this->session();
  EXPECT_STREQ(error_of([&] { session->ask(question("What?"), nullptr); }).what(),
               "Question: it has no sink for its answer");
  Question late = question("What?");
  late.deadline_ms = -1;
  EXPECT_EQ(error_of([&] { session->ask(late, sink_); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] {
              session->ask(in_conversation("What?", std::string(201, 'n')), sink_);
            }).code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(TorchQuestions, AfterAFlushTheWindowIsNeverTheOldOne) {
  const auto session = this->session(true);
  for (int round = 0; round < 20; ++round) {
    for (int number = 1; number <= 3; ++number) session->append(frame(number, 36));
    session->flush();
    for (int look = 0; look < 50; ++look) ASSERT_EQ(session->stats().window_frames, 0);
  }
}

}  // namespace
}  // namespace m3
