#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/engine.h"
#include "core/error.h"
#include "tests/support/collecting_sink.h"
#include "tests/support/error_of.h"
#include "tests/support/fake_engine.h"
#include "tests/support/picture.h"

namespace m3 {
namespace {

using namespace std::chrono_literals;
using test::CollectingSink;
using test::error_of;
using test::fake;
using test::kSecondNs;
using test::Picture;
using test::question;
using test::tokens_of;

TEST(FakeEngineOrder, CancelEndsAnAnswerInItsMiddle) {
  const auto session = fake("tokens=100000,delay_ms=2")->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  Question asked = question();
  asked.max_new_tokens = 4096;
  const RequestId id = session->ask(asked, sink);
  sink->wait_pieces(id, 3);
  session->cancel(id);
  const CollectingSink::Heard heard = sink->wait(id);
  EXPECT_EQ(heard.answers[0].finish, Finish::kCancelled);
  EXPECT_EQ(heard.joined(), heard.answers[0].text);
  EXPECT_LT(heard.answers[0].new_tokens, 4096);
  session->cancel(id);
  session->cancel(id + 1000);
}

TEST(FakeEngineOrder, CancelDoesNotWaitForTheNextWordsTime) {
  const auto session = fake("delay_ms=600000")->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  const RequestId id = session->ask(question(), sink);
  session->cancel(id);
  const Answer answer = sink->wait(id).answers[0];
  EXPECT_EQ(answer.finish, Finish::kCancelled);
  EXPECT_EQ(answer.text, "");
}

TEST(FakeEngineOrder, SeveralAnswersAreGivenAtOnceAndEncodingGoesOn) {
  const auto engine = fake("tokens=100,delay_ms=2");
  const auto session = engine->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  Question asked = question();
  asked.max_new_tokens = 100;
  const RequestId first = session->ask(asked, sink);
  const RequestId second = session->ask(asked, sink);
  sink->wait_pieces(second, 2);
  EXPECT_TRUE(sink->now(first).answers.empty());
  EXPECT_EQ(tokens_of(*engine, 5).scale(), 144);
  EXPECT_TRUE(sink->now(first).answers.empty()) << "the frame was encoded between the words";
  EXPECT_EQ(sink->wait(first).answers[0].new_tokens, 100);
  EXPECT_EQ(sink->wait(second).answers[0].new_tokens, 100);
}

TEST(FakeEngineOrder, FlushForgetsTheStreamAndCancelsItsQuestions) {
  const auto engine = fake("tokens=100,delay_ms=600000,append_ms=20");
  const auto session = engine->create_session({.inbox_frames = 4});
  const auto sink = std::make_shared<CollectingSink>();
  const Tokens tokens = tokens_of(*engine, 50, 9);
  const RequestId running = session->ask(question(), sink);
  for (int i = 0; i < 4; ++i) session->append({tokens, i * kSecondNs});
  const RequestId queued = session->ask(question(), sink);
  session->flush();
  EXPECT_EQ(session->inbox_free(), 4);
  EXPECT_EQ(session->stats().frames, 0u);
  EXPECT_EQ(sink->wait(running).answers[0].finish, Finish::kCancelled);
  EXPECT_EQ(sink->wait(queued).answers[0].finish, Finish::kCancelled);
  session->append({tokens, 0});
  session->drain().get();
  EXPECT_EQ(session->stats().window_frames, 1) << "nothing of before the flush came in late";
  EXPECT_EQ(session->inbox_free(), 4);
  EXPECT_EQ(session->stats().questions, 2u);
}

TEST(FakeEngineOrder, DrainWaitsForTheFramesAndAnswersBeforeIt) {
  const auto engine = fake("tokens=20,delay_ms=2,append_ms=5");
  const auto session = engine->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  session->append({tokens_of(*engine, 1, 9), 0});
  const RequestId id = session->ask(question(), sink);
  auto drained = session->drain();
  Question endless = question();
  const RequestId later = session->ask(endless, sink);
  session->append({tokens_of(*engine, 1, 9), 0});
  drained.get();
  EXPECT_EQ(sink->now(id).answers.size(), 1u);
  session->drain().get();
  EXPECT_EQ(sink->now(later).answers.size(), 1u);
  EXPECT_EQ(session->stats().window_frames, 2);
}

TEST(FakeEngineOrder, TheInboxFillsAndEmpties) {
  const auto engine = fake("append_ms=30");
  const auto session = engine->create_session({.inbox_frames = 2});
  const Tokens tokens = tokens_of(*engine, 1, 1);
  EXPECT_EQ(session->inbox_free(), 2);
  for (int i = 0; i < 3; ++i) session->append({tokens, kNoTime});
  EXPECT_EQ(session->inbox_free(), 0) << "append() beyond the inbox still queues";
  EXPECT_TRUE(session->wait_inbox({}));
  EXPECT_GE(session->inbox_free(), 1);
  session->drain().get();
  EXPECT_EQ(session->inbox_free(), 2);
  EXPECT_EQ(session->stats().window_frames, 3);
}

TEST(FakeEngineOrder, WaitingForTheInboxEndsWithItsStopToken) {
  const auto engine = fake("append_ms=600000");
  const auto session = engine->create_session({.inbox_frames = 1});
  session->append({tokens_of(*engine, 1, 1), kNoTime});
  std::stop_source stop;
  auto waiting =
      std::async(std::launch::async, [&] { return session->wait_inbox(stop.get_token()); });
  EXPECT_EQ(waiting.wait_for(20ms), std::future_status::timeout);
  stop.request_stop();
  EXPECT_FALSE(waiting.get());
}

TEST(FakeEngineOrder, ASessionsEndCancelsItsQuestionsAndTellsTheirSinks) {
  const auto engine = fake("delay_ms=600000");
  auto session = engine->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  const RequestId id = session->ask(question(), sink);
  session.reset();
  const CollectingSink::Heard heard = sink->now(id);
  ASSERT_EQ(heard.answers.size(), 1u) << "told before the destructor returned";
  EXPECT_EQ(heard.answers[0].finish, Finish::kCancelled);
}

TEST(FakeEngineOrder, ASessionOutlivesItsEngine) {
  auto engine = fake("delay_ms=1");
  const auto session = engine->create_session({});
  session->append({tokens_of(*engine, 77, 9), 0});
  engine.reset();
  const auto sink = std::make_shared<CollectingSink>();
  EXPECT_EQ(sink->wait(session->ask(question(), sink)).joined(),
            "1 frames, 9 tokens, brightness 77");
}

TEST(FakeEngineOrder, AnEnginesEndFailsWhatWasNotEncoded) {
  auto engine = fake("encode_ms=600000");
  const Picture picture(PixelFormat::kI420, 16, 16);
  auto first = engine->encode({picture.view(), 144});
  auto second = engine->encode({picture.view(), 144});
  engine.reset();
  EXPECT_EQ(error_of([&] { first.get(); }).code(), ErrorCode::kCancelled);
  EXPECT_EQ(error_of([&] { second.get(); }).code(), ErrorCode::kCancelled);
}

TEST(FakeEngineOrder, TheLastOwnerMayLetGoInASink) {
  struct Owner final : AnswerSink {
    void on_piece(RequestId, std::string_view) override {}
    void on_done(RequestId, Answer) override {
      asked.get_future().wait();
      session.reset();
      engine.reset();
      done.set_value();
    }
    std::shared_ptr<Engine> engine;
    std::unique_ptr<Session> session;
    std::promise<void> asked;  // ask() has returned
    std::promise<void> done;
  };
  const auto owner = std::make_shared<Owner>();
  auto done = owner->done.get_future();
  owner->engine = fake("delay_ms=1");
  owner->session = owner->engine->create_session({});
  owner->session->ask(question(), owner);
  owner->asked.set_value();
  EXPECT_EQ(done.wait_for(20s), std::future_status::ready);
}

TEST(FakeEngineOrder, ManyThreadsAtOnceKeepEveryPromise) {
  const auto engine = fake("grid=3");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&engine, t] {
      const auto session = engine->create_session({.window_tokens = 20});
      const auto sink = std::make_shared<CollectingSink>();
      for (int i = 0; i < 50; ++i) {
        session->append({tokens_of(*engine, 40 * t + i, 9), i * kSecondNs});
        const RequestId id = session->ask(question(), sink);
        if (i % 7 == 3) session->cancel(id);
        if (i % 11 == 5) session->flush();
        const CollectingSink::Heard heard = sink->wait(id);
        ASSERT_EQ(heard.answers.size(), 1u);
        EXPECT_FALSE(heard.piece_after_end);
        EXPECT_EQ(heard.joined(), heard.answers[0].text);
      }
      session->drain().get();
      EXPECT_LE(session->stats().window_visual_tokens, 20);
      EXPECT_EQ(session->stats().questions, 50u);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace m3
