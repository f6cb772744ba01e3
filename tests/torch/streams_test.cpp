// Many sessions on one engine: they share passes of the model and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/patience.h"
#include "tests/torch/session_fixture.h"

namespace m3 {
namespace {

class TorchStreams : public test::TorchSessionTest {
 protected:
  static int scale_of(int stream, int number) {
    return std::vector<int>{1, 9, 36, 9}[static_cast<size_t>((stream * 3 + number) % 4)];
  }
  // The tower runs once a picture.
  static FrameTokens known_frame(int number, int scale) {
    static std::map<int, Tokens> known;
    auto found = known.find(number);
    if (found == known.end()) found = known.emplace(number, tokens(number, 36)).first;
    return {found->second.pool_to(scale), number * kSecondNs};
  }
  void play(Session& session, int stream, int from, int to) {
    for (int number = from; number <= to; ++number)
      session.append(known_frame(stream * 50 + number, scale_of(stream, number)));
  }
};

TEST_F(TorchStreams, AnswerTogetherAsEachAlone) {
  constexpr int kStreams = 12;
  std::vector<std::unique_ptr<Session>> sessions;
  for (int stream = 0; stream < kStreams; ++stream) sessions.push_back(session(stream % 3 != 0));
  std::vector<RequestId> asked;
  for (const int half : {0, 1}) {
    for (int stream = 0; stream < kStreams; ++stream) {
      Session& session = *sessions[static_cast<size_t>(stream)];
      play(session, stream, 1 + 6 * half, 6 + 6 * half);
      asked.push_back(session.ask(question("What do you see?"), sink_));
    }
  }
  for (int stream = 0; stream < kStreams; ++stream) {
    const auto alone = session();
    play(*alone, stream, 1, 6);
    EXPECT_EQ(answer(asked[static_cast<size_t>(stream)]).ids, ask(*alone, "What do you see?").ids);
    play(*alone, stream, 7, 12);
    EXPECT_EQ(answer(asked[static_cast<size_t>(kStreams + stream)]).ids,
              ask(*alone, "What do you see?").ids);
  }
}

TEST_F(TorchStreams, WhatEndsOneLeavesTheOthersAlone) {
  const auto alone = session();
  play(*alone, 1, 1, 9);
  const std::vector<int32_t> wanted = ask(*alone, "What?").ids;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Session>> sessions;
    for (int stream = 0; stream < 5; ++stream) sessions.push_back(session(true));
    RequestId cancelled = 0;
    for (int stream = 0; stream < 5; ++stream) {
      Session& session = *sessions[static_cast<size_t>(stream)];
      play(session, stream == 3 ? 1 : stream, 1, 9);
      if (stream == 0) cancelled = session.ask(question("Go on for long.", 400), sink_);
    }
    // One is cancelled, one is flushed, one ends, wherever they are by now.
    if (round % 2 == 0) sessions[1]->drain().get();
    sessions[0]->cancel(cancelled);
    sessions[2]->flush();
    sessions[4].reset();
    EXPECT_EQ(ask(*sessions[1], "What?").ids, wanted);
    EXPECT_EQ(ask(*sessions[3], "What?").ids, wanted);
    EXPECT_EQ(ask(*sessions[2], "What?").frames, 0);
    EXPECT_EQ(answer(cancelled).finish, Finish::kCancelled);
    sessions[0]->drain().get();
    EXPECT_EQ(sessions[0]->inbox_free(), 8);
    EXPECT_EQ(sessions[2]->inbox_free(), 8);
  }
}

// While others are being answered, a new question gets its first token after at most one unit more
// of theirs for each of its own.
TEST_F(TorchStreams, AQuestionDoesNotWaitForTheEndOfOtherAnswers) {
  const auto busy = session();
  busy->append(frame(1, 36));
  std::vector<RequestId> longest;
  for (int i = 0; i < 8; ++i) longest.push_back(busy->ask(question("Go on for long.", 400), sink_));
  sink_->wait_pieces(longest.back(), 1);
  const auto other = session();
  other->append(frame(2, 36));
  const RequestId id = other->ask(question("What?", 4), sink_);
  answer(id);
  int still_going = 0;
  for (const RequestId one : longest) still_going += sink_->now(one).answers.empty() ? 1 : 0;
  EXPECT_GT(still_going, 0);
  for (const RequestId one : longest) busy->cancel(one);
  for (const RequestId one : longest) answer(one);
}

TEST_F(TorchStreams, CancelEndsAnAnswerWithinATenthOfASecond) {
  const auto session = this->session();
  session->append(frame(1));
  std::vector<double> waits_ms;
  for (int i = 0; i < 5; ++i) {
    const RequestId id = session->ask(question("Go on for long.", 400), sink_);
    sink_->wait_pieces(id, 1);
    const auto begin = std::chrono::steady_clock::now();
    session->cancel(id);
    EXPECT_EQ(answer(id).finish, Finish::kCancelled);
    const std::chrono::duration<double, std::milli> wait = std::chrono::steady_clock::now() - begin;
    waits_ms.push_back(wait.count());
  }
  std::sort(waits_ms.begin(), waits_ms.end());
  EXPECT_LT(waits_ms[2], 100 * test::patience());
}

}  // namespace
}  // namespace m3
