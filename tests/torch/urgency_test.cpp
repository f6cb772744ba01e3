// What must be soon is soon, counted in units of work and not by the clock: a unit takes 40 ms at
// most on any model, here each is one block of the tiny one.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/torch/answerer.h"
#include "core/torch/prefiller.h"
#include "core/torch/scheduler.h"
#include "core/torch/session.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::kSecond;
using test::made_tokens;
using test::tiny_model;

// Remembers at which unit of work an answer ended. Read it when that is so.
class Clocked final : public AnswerSink {
 public:
  explicit Clocked(const Scheduler& scheduler) : scheduler_(scheduler) {}
  void on_piece(RequestId, std::string_view) override {}
  void on_done(RequestId, Answer answer) override {
    end_ = scheduler_.units_run();
    answer_ = std::move(answer);
    done_.set_value();
  }
  void wait() { done_.get_future().get(); }

  uint64_t end_ = 0;
  Answer answer_;

 private:
  const Scheduler& scheduler_;
  std::promise<void> done_;
};

class Urgency : public testing::Test {
 protected:
  static constexpr int kEndless = 150;

  Urgency()
      : scheduler_([](const std::function<void()>& loop) {
          const c10::InferenceMode inference;
          loop();
        }) {
    prefiller_ = std::make_unique<Prefiller>(tiny_model(), scheduler_, std::chrono::seconds(0));
    answerer_ = std::make_unique<Answerer>(tiny_model(), scheduler_, std::chrono::seconds(0));
  }

  std::unique_ptr<TorchSession> session(bool prefill_early = false, int window_tokens = 0) {
    SessionOptions options;
    options.prefill_early = prefill_early;
    options.window_tokens = window_tokens;
    return std::make_unique<TorchSession>(nullptr, tiny_model(), scheduler_, *prefiller_,
                                          *answerer_, options);
  }
  static FrameTokens frame(int number, int scale = 36) {
    return {made_tokens(static_cast<uint64_t>(number), scale), number * kSecond / 2};
  }
  static Question question(const std::string& text, int max_new_tokens) {
    Question question;
    question.text = text;
    question.max_new_tokens = max_new_tokens;
    return question;
  }
  std::shared_ptr<Clocked> sink() const { return std::make_shared<Clocked>(scheduler_); }
  // On the engine's thread, as one unit: what it asks for comes behind all that waits.
  void run(const std::function<void()>& work) {
    std::promise<void> done;
    scheduler_.post(WorkClass::kDecodeStep, [&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  // Calls `work` in the first decode step's turn from unit `number` on.
  void at_unit(uint64_t number, std::function<void()> work) {
    scheduler_.post(WorkClass::kDecodeStep, [this, number, work = std::move(work)]() mutable {
      if (scheduler_.units_run() >= number) return work();
      at_unit(number, std::move(work));
    });
  }

  // What a test of cancelling may do with a question on its way.
  struct Cut {
    uint64_t cancelled = 0;  // at this unit; 0: it was over before
    std::shared_ptr<Clocked> heard;
  };
  // Frames, a question, and after so many units `cancel`.
  Cut cut_after(uint64_t units, const std::string& conversation,
                const std::function<void(TorchSession&, RequestId)>& cancel) {
    const auto session = this->session();
    Cut cut;
    cut.heard = sink();
    std::promise<void> cancelled;
    run([&] {
      for (int number = 1; number <= 8; ++number) session->append(frame(number, 9));
      Question asked = question("Go on for long.", kEndless);
      asked.conversation = conversation;
      const RequestId id = session->ask(asked, cut.heard);
      at_unit(scheduler_.units_run() + units, [&, id] {
        cut.cancelled = cut.heard->end_ == 0 ? scheduler_.units_run() : 0;
        cancel(*session, id);
        cancelled.set_value();
      });
    });
    cancelled.get_future().get();
    cut.heard->wait();
    return cut;
  }

  std::unique_ptr<Prefiller> prefiller_;
  std::unique_ptr<Answerer> answerer_;
  Scheduler scheduler_;  // last: its thread ends before what it uses
};

// Wherever the question is by then: waiting, its window or itself being read, in the middle of a
// step, between two. Two units that do nothing else end it: what is running now is all that goes
// before them.
TEST_F(Urgency, NothingRunsBetweenCancelAndTheEndOfTheAnswer) {
  bool before_the_first_token = false;
  bool in_the_answer = false;
  for (uint64_t units = 0; units < 90; units += units < 50 ? 1 : 7) {
    const std::string conversation = units % 2 == 0 ? "" : "talk";
    const Cut cut = cut_after(units, conversation,
                              [](TorchSession& session, RequestId id) { session.cancel(id); });
    ASSERT_GT(cut.cancelled, 0U) << "the answer was too short";
    EXPECT_EQ(cut.heard->answer_.finish, Finish::kCancelled) << units;
    EXPECT_LE(cut.heard->end_ - cut.cancelled, 2U) << units;
    (cut.heard->answer_.new_tokens == 0 ? before_the_first_token : in_the_answer) = true;
  }
  EXPECT_TRUE(before_the_first_token);
  EXPECT_TRUE(in_the_answer);
}

TEST_F(Urgency, NorBetweenFlushAndTheEnd) {
  for (uint64_t units = 0; units < 60; units += 3) {
    const Cut cut = cut_after(units, "", [](TorchSession& session, RequestId) {
      session.flush();
      EXPECT_EQ(session.stats().window_frames, 0);
    });
    ASSERT_GT(cut.cancelled, 0U);
    EXPECT_EQ(cut.heard->answer_.finish, Finish::kCancelled) << units;
    EXPECT_LE(cut.heard->end_ - cut.cancelled, 2U) << units;
  }
}

// Other streams are read and answered meanwhile.
TEST_F(Urgency, WhatOthersWantDoesNotDelayTheEnd) {
  std::vector<std::unique_ptr<TorchSession>> others;
  std::vector<std::shared_ptr<Clocked>> asked;
  run([&] {
    for (int other = 0; other < 6; ++other) {
      others.push_back(session(other % 2 == 0, 200));
      for (int number = 1; number <= 30; ++number) others.back()->append(frame(50 + number, 9));
      if (other % 3 != 0) continue;
      const auto heard = sink();
      others.back()->ask(question("Go on for long.", kEndless), heard);
      asked.push_back(heard);
    }
  });
  for (uint64_t units = 0; units < 60; units += 2) {
    const Cut cut =
        cut_after(units, "", [](TorchSession& session, RequestId id) { session.cancel(id); });
    ASSERT_GT(cut.cancelled, 0U);
    EXPECT_LE(cut.heard->end_ - cut.cancelled, 2U) << units;
  }
  others.clear();
  for (const auto& heard : asked) heard->wait();
}

// How long a question takes to its first token depends on the question alone: not on how long the
// stream has been, and the window is read already.
TEST_F(Urgency, TheFirstTokenCostsTheSameLateInAStream) {
  const auto session = this->session(true, 90);
  const auto units_to_first_token = [&] {
    session->drain().get();
    const auto heard = sink();
    uint64_t begin = 0;
    run([&] {
      begin = scheduler_.units_run();
      session->ask(question("What do you see?", 1), heard);
    });
    heard->wait();
    return heard->end_ - begin;
  };
  int number = 0;
  const auto play_to = [&](int second) {
    while (++number <= 2 * second) session->append(frame(number, number % 3 == 0 ? 36 : 9));
    --number;
  };
  play_to(10);
  units_to_first_token();  // the first question of all reads the prefix's branch in
  const uint64_t early = units_to_first_token();
  play_to(590);
  const uint64_t late = units_to_first_token();
  EXPECT_EQ(late, early);
  EXPECT_GE(session->stats().window_visual_tokens, 60) << "the window is not full";
  // Reading that window first costs more.
  session->flush();
  const auto heard = sink();
  uint64_t begin = 0;
  run([&] {
    for (int frames = 0; frames < 20; ++frames) session->append(frame(++number, 9));
    begin = scheduler_.units_run();
    session->ask(question("What do you see?", 1), heard);
  });
  heard->wait();
  EXPECT_GT(heard->end_ - begin, late);
}

// Answers of many streams go on side by side: no stream is ahead of another by more than a step.
TEST_F(Urgency, ManyStreamsAreServedAlike) {
  constexpr int kStreams = 16;
  // Equal streams say the same, so that pieces can be compared.
  class Served final : public AnswerSink {
   public:
    struct All {
      std::vector<int> pieces = std::vector<int>(kStreams);
      int most_apart = 0;
      int ended = 0;
      std::promise<void> done;
    };
    Served(All& all, size_t stream) : all_(all), stream_(stream) {}
    void on_piece(RequestId, std::string_view) override {
      ++all_.pieces[stream_];
      const auto [least, most] = std::minmax_element(all_.pieces.begin(), all_.pieces.end());
      all_.most_apart = std::max(all_.most_apart, *most - *least);
    }
    void on_done(RequestId, Answer answer) override {
      EXPECT_EQ(answer.error, "");
      if (++all_.ended == kStreams) all_.done.set_value();
    }

   private:
    All& all_;
    const size_t stream_;
  };
  Served::All all;
  std::vector<std::unique_ptr<TorchSession>> sessions;
  run([&] {
    for (size_t stream = 0; stream < kStreams; ++stream) {
      sessions.push_back(session(true));
      for (int number = 1; number <= 6; ++number) sessions.back()->append(frame(number, 9));
      sessions.back()->ask(question("Go on for long.", 40), std::make_shared<Served>(all, stream));
    }
  });
  all.done.get_future().get();
  const std::vector<int>& pieces = all.pieces;
  EXPECT_GT(pieces.front(), 10);
  EXPECT_EQ(*std::min_element(pieces.begin(), pieces.end()),
            *std::max_element(pieces.begin(), pieces.end()));
  // While the last questions are still read the first answers may have begun.
  EXPECT_LE(all.most_apart, 4);
}

// Streams whose frames went through the model in one pass may all ask before anybody is answered.
TEST_F(Urgency, WhoeverWaitedForOnePassIsToldTogether) {
  const auto first = session(true);
  const auto second = session(true);
  std::future<void> of_first;
  std::future<void> of_second;
  run([&] {
    for (const auto& [one, future] :
         {std::pair(first.get(), &of_first), std::pair(second.get(), &of_second)}) {
      one->append(frame(1, 9));
      *future = one->drain();
    }
  });
  const auto is_ready = [](const std::future<void>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  std::promise<std::pair<bool, bool>> seen;
  // Answers are being made all the while.
  std::function<void()> look = [&] {
    if (is_ready(of_first) || is_ready(of_second)) {
      seen.set_value({is_ready(of_first), is_ready(of_second)});
    } else {
      scheduler_.post(WorkClass::kDecodeStep, look);
    }
  };
  scheduler_.post(WorkClass::kDecodeStep, look);
  EXPECT_EQ(seen.get_future().get(), std::pair(true, true));
}

}  // namespace
}  // namespace m3
