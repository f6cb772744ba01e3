// QuestionBatch: questions to one session or several that are answered side by side, which costs
// little more than one alone: the engine takes them through the model together. Threads: one
// thread.
#pragma once

#include <cstddef>
#include <future>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/engine.h"

namespace m3::tools {

class QuestionBatch {
 public:
  explicit QuestionBatch(std::stop_token stop) : stop_(std::move(stop)) {}

  // Returns the answer's place in answers(). The session must outlive the batch. Throws what
  // Session::ask throws.
  size_t ask(Session& session, Question question);
  // Waits for all. When `stop` is requested they end early, with Finish::kCancelled. Throws
  // kInternal when one could not be answered.
  std::vector<Answer> answers();

 private:
  struct Open {
    Session* session;
    RequestId id;
    std::future<Answer> answer;
  };

  const std::stop_token stop_;
  std::vector<Open> open_;
};

}  // namespace m3::tools
