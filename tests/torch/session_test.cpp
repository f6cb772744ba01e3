// Sessions as a caller sees them: through the engine module, on the tiny seeded model.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"
#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/torch/session_fixture.h"

namespace m3 {
namespace {

using std::chrono::steady_clock;
using test::CollectingSink;
using test::error_of;
using test::TorchSessionTest;

constexpr int64_t kSecond = 1'000'000'000;

TEST_F(TorchSessionTest, AnswersSayWhatTheyRestOn) {
  const auto session = this->session();
  session->append(frame(3, 9));
  session->append(frame(4, 36));
  Question asked = question("What?");
  asked.asked_at_ns = 5 * kSecond;
  const Answer answer = this->answer(session->ask(asked, sink_));
  EXPECT_TRUE(answer.finish == Finish::kStop || answer.finish == Finish::kLength);
  EXPECT_EQ(answer.asked_at_ns, 5 * kSecond);
  EXPECT_EQ(answer.from_ns, 3 * kSecond);
  EXPECT_EQ(answer.to_ns, 4 * kSecond);
  EXPECT_EQ(answer.frames, 2);
  EXPECT_EQ(answer.visual_tokens, 45);
  EXPECT_EQ(answer.prompt_tokens, 7);  // "\nWhat?<a>"
  EXPECT_EQ(answer.new_tokens, static_cast<int>(answer.ids.size()));
  EXPECT_GT(answer.confidence, 0);
  EXPECT_LE(answer.confidence, 1);
  EXPECT_GT(answer.margin, 0);
  EXPECT_GT(answer.ttft_ms, 0);
  EXPECT_GE(answer.total_ms, answer.ttft_ms);
}

TEST_F(TorchSessionTest, AQuestionSeesWhatWasAppendedBeforeItAndNothingAfter) {
  const auto session = this->session();
  session->append(frame(1));
  const RequestId before = session->ask(question("What?"), sink_);
  session->append(frame(2));
  const RequestId after = session->ask(question("What?"), sink_);
  EXPECT_EQ(answer(before).frames, 1);
  EXPECT_EQ(answer(after).frames, 2);
  const auto only_first = this->session();
  only_first->append(frame(1));
  EXPECT_EQ(answer(before).ids, ask(*only_first, "What?").ids);
}

TEST_F(TorchSessionTest, AnswersDoNotDependOnChunksQuestionsInBetweenOrEarlyPrefill) {
  const auto run = [&](bool early, bool wait, bool questions) {
    const auto session = this->session(early);
    std::vector<RequestId> asked;
    for (int number = 1; number <= 7; ++number) {
      session->append(frame(number, number % 3 == 0 ? 36 : 1));
      if (wait) session->drain().wait();
      if (questions) session->ask(question("In between?", 3), sink_);
      if (number % 2 == 0) asked.push_back(session->ask(question("What is it?"), sink_));
    }
    std::vector<std::vector<int32_t>> ids;
    for (const RequestId id : asked) ids.push_back(answer(id).ids);
    return ids;
  };
  const auto wanted = run(false, false, false);
  ASSERT_EQ(wanted.size(), 3u);
  EXPECT_EQ(run(true, false, false), wanted);
  EXPECT_EQ(run(false, true, true), wanted);
  EXPECT_EQ(run(true, true, true), wanted);
  EXPECT_EQ(run(false, false, true), wanted);
}

TEST_F(TorchSessionTest, ManyQuestionsAtOnceAnswerAsOneByOne) {
  const auto session = this->session();
  session->append(frame(1, 36));
  std::vector<std::string> texts;
  for (int i = 0; i < 24; ++i)
    texts.push_back("Question " + std::string(static_cast<size_t>(i % 5), '!') + std::to_string(i));
  std::vector<RequestId> together;
  for (const std::string& text : texts) together.push_back(session->ask(question(text), sink_));
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(answer(together[i]).ids, ask(*session, texts[i]).ids) << texts[i];
  }
  EXPECT_EQ(session->stats().questions, 48u);
}

TEST_F(TorchSessionTest, SessionsDoNotMeet) {
  const auto one = session();
  const auto other = session();
  one->append(frame(1, 36));
  other->append(frame(2, 36));
  const RequestId of_one = one->ask(question("What?"), sink_);
  const auto other_sink = std::make_shared<CollectingSink>();
  const RequestId of_other = other->ask(question("What?"), other_sink);
  const std::vector<int32_t> ids = other_sink->wait(of_other).answers.at(0).ids;
  EXPECT_NE(answer(of_one).ids, ids);
  const auto again = session();
  again->append(frame(2, 36));
  EXPECT_EQ(ask(*again, "What?").ids, ids);
}

TEST_F(TorchSessionTest, ASeedRepeatsASampledAnswer) {
  const auto session = this->session();
  session->append(frame(1));
  Question asked = question("What?");
  asked.temperature = 1.5;
  asked.seed = 11;
  const std::vector<int32_t> first = answer(session->ask(asked, sink_)).ids;
  EXPECT_EQ(answer(session->ask(asked, sink_)).ids, first);
  asked.seed = 12;
  EXPECT_NE(answer(session->ask(asked, sink_)).ids, first);
}

TEST_F(TorchSessionTest, ReturnsToTheLengthThatWasAskedFor) {
  const auto session = this->session();
  session->append(frame(1));
  const Answer longer = answer(session->ask(question("What?", 12), sink_));
  const Answer shorter = answer(session->ask(question("What?", 2), sink_));
  ASSERT_GT(longer.new_tokens, 2) << "the seeded model should say more than this";
  EXPECT_EQ(shorter.new_tokens, 2);
  EXPECT_EQ(shorter.finish, Finish::kLength);
  EXPECT_TRUE(std::equal(shorter.ids.begin(), shorter.ids.end(), longer.ids.begin()));
}

TEST_F(TorchSessionTest, AStopTextEndsTheAnswerAndIsCutFromIt) {
  const auto session = this->session();
  session->append(frame(1));
  const Answer whole = answer(session->ask(question("What?"), sink_));
  ASSERT_GE(whole.text.size(), 4u);
  Question asked = question("What?");
  asked.stop = {whole.text.substr(2, 2)};
  const Answer cut = answer(session->ask(asked, sink_));
  EXPECT_EQ(cut.finish, Finish::kStop);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(asked.stop[0])));
}

TEST_F(TorchSessionTest, CancelEndsAnAnswerSoon) {
  const auto session = this->session();
  session->append(frame(1));
  const RequestId id = session->ask(question("Go on for long.", 400), sink_);
  sink_->wait_pieces(id, 1);
  const auto begin = steady_clock::now();
  session->cancel(id);
  const Answer answer = this->answer(id);
  EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(500));
  EXPECT_EQ(answer.finish, Finish::kCancelled);
  EXPECT_EQ(answer.error, "");
}

TEST_F(TorchSessionTest, CancelReachesAQuestionThatIsStillQueued) {
  const auto session = this->session();
  session->append(frame(1));
  const RequestId longest = session->ask(question("Go on for long.", 400), sink_);
  const RequestId queued = session->ask(question("And this?", 400), sink_);
  session->cancel(queued);
  EXPECT_EQ(answer(queued).finish, Finish::kCancelled);
  session->cancel(longest);
  session->cancel(999999);  // unknown ones are ignored
  EXPECT_EQ(answer(longest).finish, Finish::kCancelled);
}

TEST_F(TorchSessionTest, FlushForgetsTheStreamAndCancelsItsQuestions) {
  const auto session = this->session();
  for (int number = 1; number <= 4; ++number) session->append(frame(number, 36));
  const RequestId id = session->ask(question("Go on for long.", 400), sink_);
  session->flush();
  EXPECT_EQ(answer(id).finish, Finish::kCancelled);
  session->append(frame(9, 9));
  const Answer after = ask(*session, "What?");
  EXPECT_EQ(after.frames, 1);
  EXPECT_EQ(session->stats().frames, 1u);
  const auto fresh = this->session();
  fresh->append(frame(9, 9));
  EXPECT_EQ(after.ids, ask(*fresh, "What?").ids);
}

TEST_F(TorchSessionTest, DrainIsReadyWhenAllThatWasQueuedBeforeItIsDone) {
  const auto session = this->session();
  session->append(frame(1));
  std::vector<RequestId> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(session->ask(question("What?", 20), sink_));
  session->drain().get();
  for (const RequestId id : asked) EXPECT_EQ(sink_->now(id).answers.size(), 1u);
  session->drain().get();  // nothing is left: ready at once
}

TEST_F(TorchSessionTest, DrainDoesNotWaitForLaterQuestions) {
  const auto session = this->session();
  session->append(frame(1));
  std::future<void> drained = session->drain();
  const RequestId later = session->ask(question("Go on for long.", 400), sink_);
  drained.get();
  session->cancel(later);
  answer(later);
}

TEST_F(TorchSessionTest, EndingASessionEndsItsQuestions) {
  auto session = this->session();
  session->append(frame(1));
  const RequestId running = session->ask(question("Go on for long.", 400), sink_);
  const RequestId queued = session->ask(question("And this?", 400), sink_);
  std::future<void> drained = session->drain();
  sink_->wait_pieces(running, 1);
  const auto begin = steady_clock::now();
  session.reset();
  EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(500));
  EXPECT_EQ(sink_->now(running).answers.at(0).finish, Finish::kCancelled);
  EXPECT_EQ(sink_->now(queued).answers.at(0).finish, Finish::kCancelled);
  EXPECT_EQ(drained.wait_for(std::chrono::seconds(0)), std::future_status::ready);
}

TEST_F(TorchSessionTest, CountsWhatWasAppendedAndWhatIsInTheWindow) {
  const auto session = this->session();
  for (int number = 1; number <= 12; ++number) session->append(frame(number, 9));
  session->drain().get();
  const SessionStats stats = session->stats();
  EXPECT_EQ(stats.frames, 12u);
  EXPECT_EQ(stats.visual_tokens, 108u);
  EXPECT_EQ(stats.text_tokens, 9u * 4 + 3u * 5);  // "\n1s:" has four bytes, "\n10s:" five
  EXPECT_EQ(stats.window_frames, 12) << "the first ones as an average";
  EXPECT_EQ(stats.window_visual_tokens, 1 + 5 * 9);
  EXPECT_EQ(stats.window_positions, 6 + 46 + 3 * 4 + 3 * 5);
}

TEST_F(TorchSessionTest, TheInboxFillsAndEmptiesWithEarlyPrefill) {
  SessionOptions options;
  options.prefill_early = true;
  options.inbox_frames = 2;
  const auto session = engine()->create_session(options);
  EXPECT_EQ(session->inbox_free(), 2);
  for (int number = 1; number <= 5; ++number) {
    session->append(frame(number, 36));
    EXPECT_TRUE(session->wait_inbox({}));
    EXPECT_GE(session->inbox_free(), 1);
  }
  session->drain().get();
  EXPECT_EQ(session->inbox_free(), 2);
}

TEST_F(TorchSessionTest, WaitingForTheInboxEndsWhenToldTo) {
  SessionOptions options;
  options.inbox_frames = 1;
  options.prefill_early = true;
  const auto session = engine()->create_session(options);
  std::stop_source stop;
  stop.request_stop();
  for (int number = 1; number <= 20; ++number) session->append(frame(number, 36));
  session->wait_inbox(stop.get_token());  // returns, whatever it says
  session->flush();
  EXPECT_TRUE(session->wait_inbox({}));
}

TEST_F(TorchSessionTest, RefusesTokensOfAnotherModelAndEmptyOnes) {
  const auto session = this->session();
  const auto ladder = std::make_shared<const std::vector<int>>(std::vector<int>{1, 9});
  const Tokens foreign(std::make_shared<HostTokens>(3, 5, std::vector<float>(45)), ladder);
  EXPECT_EQ(error_of([&] { session->append({foreign, 0}); }).code(), ErrorCode::kMismatch);
  EXPECT_EQ(error_of([&] { session->append({}); }).code(), ErrorCode::kInvalidArgument);
}

TEST_F(TorchSessionTest, AQuestionLongerThanTheContextGetsAnErrorNotACrash) {
  const auto session = this->session();
  session->append(frame(1, 36));
  const Answer answer = ask(*session, std::string(600, 'a'));
  EXPECT_EQ(answer.finish, Finish::kError);
  EXPECT_EQ(answer.error,
            "the question takes 602 tokens; behind a window of 46 the model's context of 512 has "
            "no room for it");
  EXPECT_EQ(ask(*session, "What?").error, "");
}

TEST_F(TorchSessionTest, AnAnswerEndsWhereTheContextEnds) {
  const auto session = this->session();
  session->append(frame(1, 1));
  const Answer answer = this->answer(session->ask(question(std::string(480, 'a'), 400), sink_));
  EXPECT_EQ(answer.finish, Finish::kLength);
  EXPECT_EQ(answer.new_tokens, 512 - (6 + 4 + 1) - 482);
}

}  // namespace
}  // namespace m3
