// Conversation: what stays of a question's branch for the next question of its name: the window as
// the first one saw it, and all that was said. Questions of one conversation are answered one after
// the other. Threads: the engine's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/torch/kv_cache.h"
#include "core/torch/stream_window.h"

namespace m3 {

struct Ticket;

struct Conversation {
  WindowSummary window;
  std::unique_ptr<KvBranch> branch;  // null before the first question and while one is answered
  // Ids that were said and are not in the branch yet: they go before the next question.
  std::vector<int32_t> unread;
  bool answering = false;
  std::deque<std::shared_ptr<Ticket>> waiting;  // behind the one that is being answered

  // A turn is over. Of one that did not come to its end nothing stays.
  //   rows_before: of the branch, when the turn began; prompt: the rows that it put in first
  //   said: the answer's ids; none: the turn is taken back
  void end_turn(std::unique_ptr<KvBranch> used, int64_t rows_before, int64_t prompt,
                const std::optional<std::vector<int32_t>>& said);
};

}  // namespace m3
