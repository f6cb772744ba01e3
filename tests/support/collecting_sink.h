// CollectingSink: keeps everything an engine says about one or more questions, and waits for their
// ends.
//
// Threads: safe from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine.h"

namespace m3::test {

class CollectingSink final : public AnswerSink {
 public:
  struct Heard {
    std::vector<std::string> pieces;
    std::vector<Answer> answers;  // one, unless the engine breaks its promise
    bool piece_after_end = false;

    std::string joined() const {
      std::string text;
      for (const std::string& piece : pieces) text += piece;
      return text;
    }
  };

  void on_piece(RequestId id, std::string_view piece) override {
    std::lock_guard lock(mutex_);
    Heard& heard = heard_[id];
    heard.pieces.emplace_back(piece);
    heard.piece_after_end = heard.piece_after_end || !heard.answers.empty();
    changed_.notify_all();
  }
  void on_done(RequestId id, Answer answer) override {
    std::lock_guard lock(mutex_);
    heard_[id].answers.push_back(std::move(answer));
    order_.push_back(id);
    changed_.notify_all();
  }

  // Everything about `id`, once it has ended. Throws std::runtime_error after 20 s.
  Heard wait(RequestId id) const {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !get(id).answers.empty(); })) {
      throw std::runtime_error("no answer within 20 s");
    }
    return get(id);
  }
  // Everything about `id` as soon as there are `count` pieces. Throws std::runtime_error after 20
  // s.
  Heard wait_pieces(RequestId id, size_t count) const {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return get(id).pieces.size() >= count; })) {
      throw std::runtime_error("too few pieces within 20 s");
    }
    return get(id);
  }
  // What is known of `id` now.
  Heard now(RequestId id) const {
    std::lock_guard lock(mutex_);
    return get(id);
  }
  // Ended questions, first ended first.
  std::vector<RequestId> order() const {
    std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  static constexpr std::chrono::seconds kPatience{20};

  Heard get(RequestId id) const {  // with mutex_ held
    const auto found = heard_.find(id);
    return found == heard_.end() ? Heard{} : found->second;
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<RequestId, Heard> heard_;  // guarded by mutex_
  std::vector<RequestId> order_;      // guarded by mutex_
};

}  // namespace m3::test
