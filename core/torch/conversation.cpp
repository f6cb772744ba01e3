#include "core/torch/conversation.h"

#include <utility>

namespace m3 {

void Conversation::end_turn(std::unique_ptr<KvBranch> used, int64_t rows_before, int64_t prompt,
                            const std::optional<std::vector<int32_t>>& said) {
  branch = std::move(used);
  answering = false;
  if (!said) {
    branch->cut(rows_before);
    return;
  }
  // A token's row comes with the step after it, so the last one may be missing.
  const int64_t read = branch->rows() - rows_before - prompt;
  unread.assign(said->begin() + read, said->end());
}

}  // namespace m3
