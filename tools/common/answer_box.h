// AnswerBox: hands a finished answer to the thread that waits for it.
// Threads: future() once, by whoever asks; the rest is called on an engine thread.
#pragma once

#include <future>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine.h"
#include "core/error.h"

namespace m3::tools {

class AnswerBox final : public AnswerSink {
 public:
  std::future<Answer> future() { return promise_.get_future(); }
  void on_piece(RequestId, std::string_view) override {}
  void on_done(RequestId, Answer answer) override { promise_.set_value(std::move(answer)); }

 private:
  std::promise<Answer> promise_;
};

// Asks all questions at once and waits until all are answered: one answer each, in order. Throws
// kInternal when one fails, and what Session::ask() throws.
inline std::vector<Answer> answer_all(Session& session, std::vector<Question> questions) {
  std::vector<std::future<Answer>> open;
  for (Question& question : questions) {
    const auto box = std::make_shared<AnswerBox>();
    open.push_back(box->future());
    session.ask(std::move(question), box);
  }
  std::vector<Answer> answers;
  for (std::future<Answer>& answer : open) answers.push_back(answer.get());
  for (const Answer& answer : answers) {
    if (answer.finish == Finish::kError) throw Error(ErrorCode::kInternal, answer.error);
  }
  return answers;
}

}  // namespace m3::tools
