#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
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

using test::CollectingSink;
using test::error_of;
using test::fake;
using test::kSecondNs;
using test::Picture;
using test::question;
using test::tokens_of;

std::vector<float> values_of(const Tokens& tokens) {
  std::vector<float> values(static_cast<size_t>(tokens.scale()) * tokens.dim());
  tokens.shown()->read(values);
  return values;
}

TEST(FakeEngine, DescribesItself) {
  const auto engine = fake();
  const ModelInfo& info = engine->info();
  EXPECT_EQ(info.family, "fake");
  EXPECT_EQ(info.id.size(), 16u);
  EXPECT_EQ(info.id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(info.ladder, (std::vector<int>{1, 9, 36, 144}));
  EXPECT_EQ(info.embedding_dim, 8);
  EXPECT_EQ(info.attention, "spans");
  EXPECT_EQ(fake("grid=24")->info().ladder, (std::vector<int>{1, 9, 36, 144, 576}));
  EXPECT_NE(fake("grid=24")->info().id, info.id);
}

TEST(FakeEngine, TokensAreTheMeansOfTheirCells) {
  const auto engine = fake("grid=3");
  // 6x3: two pixels a cell, 10 * row + byte.
  const Picture picture =
      Picture(PixelFormat::kI420, 6, 3).fill(0, [](int x, int y) { return 10 * y + x; });
  const std::vector<float> values = values_of(engine->encode({picture.view(), 9}).get());
  ASSERT_EQ(values.size(), 72u);
  EXPECT_EQ(values[0], 0.5f);
  EXPECT_EQ(values[1], 1.5f) << "dimension d adds d";
  EXPECT_EQ(values[8], 2.5f);
  EXPECT_EQ(values[8 * 8], 24.5f);
}

TEST(FakeEngine, ReadsTheSameLumaFromEveryFormat) {
  const auto engine = fake("grid=1");
  for (const PixelFormat format : {PixelFormat::kI420, PixelFormat::kNv12, PixelFormat::kRgb}) {
    const Picture picture = Picture(format, 17, 5, 7).fill_luma(131);
    EXPECT_EQ(values_of(engine->encode({picture.view(), 1}).get())[0], 131.0f);
  }
}

TEST(FakeEngine, LooksAtTheCropOnly) {
  const auto engine = fake("grid=1");
  const Picture picture = Picture(PixelFormat::kI420, 8, 8).fill(0, [](int x, int y) {
    return x >= 4 && y < 2 ? 90 : 10;
  });
  FrameView view = picture.view();
  view.crop = {4, 0, 4, 2};
  EXPECT_EQ(values_of(engine->encode({view, 1}).get())[0], 90.0f);
}

TEST(FakeEngine, KeepsTheAskedLevelOfAFrame) {
  const auto engine = fake();
  const Picture picture(PixelFormat::kI420, 3, 3);  // smaller than the grid
  EXPECT_EQ(engine->encode({picture.view(), 36}).get().finest_scale(), 36);
  EXPECT_EQ(engine->encode({picture.view(), 100000}).get().finest_scale(), 144);
  EXPECT_EQ(error_of([&] {
              engine->encode({picture.view(), 10});
            }).code(),
            ErrorCode::kInvalidArgument);
}

TEST(FakeEngine, RefusesFramesThatCannotBe) {
  const auto engine = fake();
  FrameView none;
  EXPECT_EQ(error_of([&] { engine->encode({none, 144}); }).code(), ErrorCode::kInvalidArgument);
  const Picture picture(PixelFormat::kI420, 16, 16);
  FrameView view = picture.view();
  view.memory = MemoryKind::kCuda;
  EXPECT_EQ(error_of([&] { engine->encode({view, 144}); }).code(), ErrorCode::kUnsupported);
}

TEST(FakeEngine, SaysWhatItWasShown) {
  const auto engine = fake();
  const auto session = engine->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  session->append({tokens_of(*engine, 10, 36), 2 * kSecondNs});
  session->append({tokens_of(*engine, 200, 1), 12 * kSecondNs});
  Question asked = question();
  asked.asked_at_ns = 13 * kSecondNs;
  const RequestId id = session->ask(asked, sink);
  const CollectingSink::Heard heard = sink->wait(id);

  ASSERT_EQ(heard.answers.size(), 1u);
  const Answer& answer = heard.answers[0];
  EXPECT_EQ(answer.text, "2 frames, 37 tokens, brightness 200");
  EXPECT_EQ(heard.joined(), answer.text);
  EXPECT_EQ(heard.pieces,
            (std::vector<std::string>{"2", " frames,", " 37", " tokens,", " brightness", " 200"}));
  EXPECT_EQ(answer.finish, Finish::kStop);
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.ids.size(), 6u);
  EXPECT_EQ(answer.new_tokens, 6);
  EXPECT_EQ(answer.asked_at_ns, 13 * kSecondNs);
  EXPECT_EQ(answer.from_ns, 2 * kSecondNs);
  EXPECT_EQ(answer.to_ns, 12 * kSecondNs);
  EXPECT_EQ(answer.evidence_ns, (std::vector<int64_t>{12 * kSecondNs}));
  EXPECT_EQ(answer.frames, 2);
  EXPECT_EQ(answer.visual_tokens, 37);
  EXPECT_EQ(answer.prompt_tokens, 6);
  EXPECT_EQ(answer.confidence, 1.0);
  EXPECT_GT(answer.ttft_ms, 0.0);
  EXPECT_GE(answer.total_ms, answer.ttft_ms);
}

TEST(FakeEngine, AnswersWithoutFramesHaveNoTimes) {
  const auto session = fake()->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  const Answer answer = sink->wait(session->ask(question(), sink)).answers[0];
  EXPECT_EQ(answer.text, "0 frames, 0 tokens, brightness 0");
  EXPECT_EQ(answer.from_ns, kNoTime);
  EXPECT_EQ(answer.to_ns, kNoTime);
  EXPECT_TRUE(answer.evidence_ns.empty());
}

TEST(FakeEngine, AQuestionSeesWhatWasAppendedBeforeItAndNothingAfter) {
  const auto engine = fake("append_ms=5,delay_ms=1");
  const auto session = engine->create_session({.inbox_frames = 2});
  const auto sink = std::make_shared<CollectingSink>();
  std::vector<RequestId> ids;
  for (int i = 1; i <= 4; ++i) {
    session->append({tokens_of(*engine, 10 * i, 9), i * kSecondNs});
    ids.push_back(session->ask(question(), sink));
  }
  for (int i = 1; i <= 4; ++i) {
    EXPECT_EQ(sink->wait(ids[i - 1]).joined(), std::to_string(i) + " frames, " +
                                                   std::to_string(9 * i) + " tokens, brightness " +
                                                   std::to_string(10 * i));
  }
}

TEST(FakeEngine, TheWindowMakesOldFramesCoarserAndForgetsNone) {
  const auto engine = fake();
  const auto session = engine->create_session({.window_tokens = 40});
  const auto sink = std::make_shared<CollectingSink>();
  for (int i = 0; i < 5; ++i) session->append({tokens_of(*engine, i, 9), i * kSecondNs});
  session->append({tokens_of(*engine, 9, 1), 5 * kSecondNs});
  const Answer answer = sink->wait(session->ask(question(), sink)).answers[0];
  EXPECT_EQ(answer.frames, 6);
  EXPECT_EQ(answer.visual_tokens, 9 + 1 + 9 + 9 + 9 + 1);
  EXPECT_EQ(answer.from_ns, 0);
  const SessionStats stats = session->stats();
  EXPECT_EQ(stats.frames, 6u);
  EXPECT_EQ(stats.visual_tokens, 46u);
  EXPECT_EQ(stats.text_tokens, 24u) << "\\n0s: has four characters";
  EXPECT_EQ(stats.window_frames, 6);
  EXPECT_EQ(stats.window_visual_tokens, 38);
  EXPECT_EQ(stats.window_positions, 38 + 24);
  EXPECT_EQ(stats.questions, 1u);
}

TEST(FakeEngine, RefusesTokensOfAnotherModel) {
  const auto engine = fake();
  const auto session = engine->create_session({});
  EXPECT_EQ(error_of([&] {
              session->append({tokens_of(*fake("grid=24"), 1, 9), 0});
            }).code(),
            ErrorCode::kMismatch);
  EXPECT_EQ(error_of([&] { session->append({}); }).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(session->stats().frames, 0u);
}

TEST(FakeEngine, RefusesSettingsOutOfRange) {
  const auto engine = fake();
  const auto session = engine->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  const auto ask = [&](auto change) {
    Question bad = question();
    change(bad);
    return error_of([&] { session->ask(bad, sink); }).code();
  };
  EXPECT_EQ(ask([](Question& q) { q.max_new_tokens = 0; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask([](Question& q) { q.max_new_tokens = 4097; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask([](Question& q) { q.temperature = -0.1; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask([](Question& q) { q.temperature = std::nan(""); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask([](Question& q) { q.top_p = 0; }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of([&] { session->ask(question(), nullptr); }).code(),
            ErrorCode::kInvalidArgument);
  for (const SessionOptions& options :
       {SessionOptions{.window_tokens = -1}, SessionOptions{.window_tokens = 4097},
        SessionOptions{.inbox_frames = 0}, SessionOptions{.inbox_frames = 1025}}) {
    EXPECT_EQ(error_of([&] { engine->create_session(options); }).code(),
              ErrorCode::kInvalidArgument);
  }
}

TEST(FakeEngine, AnswersEndAtMaxNewTokens) {
  const auto session = fake("tokens=200")->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  Question asked = question();
  asked.max_new_tokens = 3;
  const Answer cut = sink->wait(session->ask(asked, sink)).answers[0];
  EXPECT_EQ(cut.text, "0 frames, 0");
  EXPECT_EQ(cut.finish, Finish::kLength);
  EXPECT_EQ(cut.new_tokens, 3);
  asked.max_new_tokens = 200;
  const Answer whole = sink->wait(session->ask(asked, sink)).answers[0];
  EXPECT_EQ(whole.finish, Finish::kStop);
  EXPECT_EQ(whole.new_tokens, 200);
}

TEST(FakeEngine, AnswersAreCutAtTheFirstStopText) {
  const auto session = fake()->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  Question asked = question();
  asked.stop = {"brightness", "", "ames, 0 to"};
  const CollectingSink::Heard heard = sink->wait(session->ask(asked, sink));
  EXPECT_EQ(heard.answers[0].text, "0 fr");
  EXPECT_EQ(heard.joined(), "0 fr");
  EXPECT_EQ(heard.answers[0].finish, Finish::kStop);
  EXPECT_EQ(heard.answers[0].new_tokens, 4) << "the stop text was generated too";
}

TEST(FakeEngine, CanSayItsSettings) {
  const auto session =
      fake("say=settings")
          ->create_session({.system_prompt = "Be brief.", .window_tokens = 300, .inbox_frames = 5});
  const auto sink = std::make_shared<CollectingSink>();
  Question asked = question("Who?");
  asked.temperature = 0.5;
  asked.top_p = 0.25;
  asked.seed = 7;
  asked.stop = {"xyz"};
  EXPECT_EQ(sink->wait(session->ask(asked, sink)).joined(),
            "question=Who? system=Be brief. window=300 inbox=5 early=0 max=64 temperature=0.5 "
            "top-p=0.25 seed=7 stop=[xyz]");
}

TEST(FakeEngine, FailsWhereItIsAskedTo) {
  EXPECT_EQ(error_of([] { fake("fail=load"); }).code(), ErrorCode::kDevice);
  const auto encode = fake("fail=encode");
  EXPECT_EQ(error_of([&] { tokens_of(*encode, 1); }).code(), ErrorCode::kDevice);
  const auto session = fake("fail=ask")->create_session({});
  const auto sink = std::make_shared<CollectingSink>();
  const Answer answer = sink->wait(session->ask(question(), sink)).answers[0];
  EXPECT_EQ(answer.finish, Finish::kError);
  EXPECT_EQ(answer.error, "The fake engine fails to answer, as fail=ask asks");
  EXPECT_EQ(answer.text, "");
}

TEST(FakeEngine, RefusesSettingsItDoesNotKnow) {
  for (const char* settings :
       {"grid=5", "grid=", "grid=12x", "delay_ms=-1", "delay_ms=600001", "tokens=1.5", "colour=red",
        "fail=never", "say=nothing", "grid", ",", "grid=3,,"}) {
    const Error error = error_of([&] { fake(settings); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << settings;
    EXPECT_EQ(std::string(error.what()).rfind("Fake model: ", 0), 0u) << error.what();
  }
  EXPECT_EQ(error_of([] { shared_engine({.model = "fake:", .device = "cuda"}); }).code(),
            ErrorCode::kUnsupported);
}

TEST(FakeEngine, TracesItsStages) {
  const auto engine = fake();
  const Picture picture = Picture(PixelFormat::kRgb, 20, 20).fill_luma(40);
  TraceRequest request;
  request.picture = picture.view();
  request.scale = 9;
  request.prompt = "Hi";
  const std::vector<TraceTensor> stages = engine->trace(request);
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].name, "pooled");
  EXPECT_EQ(stages[0].shape, (std::vector<int64_t>{9, 8}));
  EXPECT_EQ(stages[0].values[8], 40.0f);
  EXPECT_EQ(stages[1].name, "input_ids");
  EXPECT_EQ(stages[1].ids,
            (std::vector<int64_t>{-200, -200, -200, -200, -200, -200, -200, -200, -200, 'H', 'i'}));
  EXPECT_EQ(stages[2].name, "generated_ids");
  EXPECT_EQ(stages[2].ids, (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
}

}  // namespace
}  // namespace m3
