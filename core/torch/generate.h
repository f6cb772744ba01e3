// Generation: one question on its way to its answer: picks tokens from logits, turns them into text
// pieces, and knows when it is over. What computes the logits is the Answerer's business. Threads:
// the engine's thread only; Ticket may be cancelled from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine.h"
#include "core/model/sampler.h"
#include "core/model/stop_strings.h"
#include "core/torch/conversation.h"
#include "core/torch/kv_cache.h"
#include "core/torch/stream_window.h"
#include "core/window_layout.h"

namespace m3 {

// What a session keeps of a request that is not done yet.
struct Ticket {
  const RequestId id;
  const Question question;
  const std::shared_ptr<AnswerSink> sink;
  const std::chrono::steady_clock::time_point asked = std::chrono::steady_clock::now();
  std::atomic<bool> cancelled = false;

  // Nobody waits for the answer any more: it was cancelled, or its deadline has passed.
  bool over() const noexcept;
};

// An answer without text: for a request that ended before the model was asked.
Answer answer_without_text(const Ticket& ticket, Finish finish, const std::string& error = {});

class Generation {
 public:
  using Done = std::function<void(const Ticket&, Answer)>;

  // The layout is borrowed. `branch` holds the window; `prompt` are the question's ids; at most
  // `room` tokens fit behind them. The branch goes back to `conversation`, when there is one.
  // `on_done` is called once, last.
  Generation(std::shared_ptr<Ticket> ticket, const WindowLayout& layout,
             std::vector<int32_t> prompt, const WindowSummary& window, int room,
             std::unique_ptr<KvBranch> branch, std::shared_ptr<Conversation> conversation,
             Done on_done);

  bool over() const noexcept { return ticket_->over(); }
  KvBranch& branch() noexcept { return *branch_; }
  // What the model reads next: the prompt, then each token that was taken.
  std::vector<int32_t> next_ids() const {
    return answer_.ids.empty() ? prompt_ : std::vector<int32_t>{answer_.ids.back()};
  }

  // Picks the next token from logits [V] over the tokenizer's vocabulary; true when the answer is
  // complete. Throws Error (kInternal) for logits that are no numbers.
  bool take(std::span<const float> logits);

  // Hands the branch on, to its conversation or to the caller, who gets null then. Once, before
  // finish().
  std::unique_ptr<KvBranch> release(Finish finish);
  // Ends the answer with what there is. The Generation must not be used after it.
  void finish(Finish finish, const std::string& error = {});

  // How a complete answer ended.
  Finish outcome() const noexcept { return outcome_; }

 private:
  void show(const std::string& text);

  const std::shared_ptr<Ticket> ticket_;
  const WindowLayout& layout_;
  const std::vector<int32_t> prompt_;
  const int most_new_tokens_;
  std::unique_ptr<KvBranch> branch_;
  const int64_t rows_before_;
  const std::shared_ptr<Conversation> conversation_;
  const Done on_done_;
  Sampler sampler_;
  Utf8Stream characters_;
  StopStrings stops_;
  Answer answer_;
  Finish outcome_ = Finish::kStop;
};

}  // namespace m3
