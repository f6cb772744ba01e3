// AnswerWaiter: asks and waits.
// Threads: safe from any thread.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine.h"
#include "core/error.h"

namespace m3::bench {

class AnswerWaiter final : public AnswerSink {
 public:
  void on_piece(RequestId, std::string_view) override {}
  void on_done(RequestId, Answer answer) override {
    const std::scoped_lock lock(mutex_);
    answers_.push_back(std::move(answer));
    if (answers_.size() == wanted_) done_.set_value();
  }

  // Asks all questions at once and returns when all are answered. Throws kInternal when one fails.
  static std::vector<Answer> ask(Session& session, const std::vector<Question>& questions) {
    const auto waiter = std::make_shared<AnswerWaiter>();
    waiter->wanted_ = questions.size();
    for (const Question& question : questions) session.ask(question, waiter);
    waiter->done_.get_future().get();
    const std::scoped_lock lock(waiter->mutex_);
    for (const Answer& answer : waiter->answers_) {
      if (answer.finish == Finish::kError) throw Error(ErrorCode::kInternal, answer.error);
    }
    return std::move(waiter->answers_);
  }

 private:
  std::mutex mutex_;
  std::vector<Answer> answers_;  // guarded by mutex_
  size_t wanted_ = 0;            // constant once the first question is asked
  std::promise<void> done_;
};

inline Question question(const std::string& text, int max_new_tokens) {
  Question question;
  question.text = text;
  question.max_new_tokens = max_new_tokens;
  return question;
}

}  // namespace m3::bench
