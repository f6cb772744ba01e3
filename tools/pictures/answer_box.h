// AnswerBox: hands the finished answer to the thread that waits for it. Threads: safe from any
// thread.
#pragma once

#include <future>
#include <string_view>
#include <utility>

#include "core/engine.h"

namespace m3::tools {

class AnswerBox final : public AnswerSink {
 public:
  std::future<Answer> future() { return promise_.get_future(); }  // once
  void on_piece(RequestId, std::string_view) override {}
  void on_done(RequestId, Answer answer) override { promise_.set_value(std::move(answer)); }

 private:
  std::promise<Answer> promise_;
};

}  // namespace m3::tools
