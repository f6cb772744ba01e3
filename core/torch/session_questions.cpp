// TorchSession's part of a question: the branch that it is answered on.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/torch/session.h"

namespace m3 {
namespace {

QuestionPlace place_behind(const WindowSummary& window) {
  return window.frames == 0 ? QuestionPlace::kAlone : QuestionPlace::kBehindFrames;
}

}  // namespace

void TorchSession::start_answer(const std::shared_ptr<Ticket>& ticket) {
  const WindowSummary window = window_.summary();
  std::vector<int32_t> prompt =
      model_.layout.question_ids(ticket->question.text, place_behind(window));
  const int room = room_behind(window, window.positions, prompt.size());
  std::unique_ptr<KvBranch> branch = answerer_.take_branch();
  branch->start(window_.base(), static_cast<int64_t>(prompt.size()) +
                                    std::min(room, ticket->question.max_new_tokens));
  generate(ticket, std::move(prompt), std::move(branch), window, nullptr);
}

// The first question of a conversation takes the window, later ones go on behind the answers.
void TorchSession::start_in_conversation(const std::shared_ptr<Ticket>& ticket) {
  const std::shared_ptr<Conversation> conversation = conversation_of(ticket->question.conversation);
  if (conversation->answering) {
    conversation->waiting.push_back(ticket);
    return;
  }
  std::vector<int32_t> prompt;
  if (conversation->branch) {
    prompt = conversation->unread;
    const std::vector<int32_t> closing = model_.layout.closing_ids();
    prompt.insert(prompt.end(), closing.begin(), closing.end());
  } else {
    conversation->window = window_.summary();
    conversation->unread.clear();
  }
  const std::vector<int32_t> question = model_.layout.question_ids(
      ticket->question.text,
      conversation->branch ? QuestionPlace::kBehindAnswer : place_behind(conversation->window));
  prompt.insert(prompt.end(), question.begin(), question.end());
  const int64_t rows =
      conversation->branch ? conversation->branch->rows() : conversation->window.positions;
  const int room = room_behind(conversation->window, rows, prompt.size());
  const int64_t tail =
      static_cast<int64_t>(prompt.size()) + std::min(room, ticket->question.max_new_tokens);
  if (conversation->branch) {
    conversation->branch->reserve(tail);
  } else {
    std::unique_ptr<KvBranch> branch = answerer_.take_branch();
    branch->start(window_.base(), tail);
    conversation->branch = std::move(branch);
  }
  generate(ticket, std::move(prompt), std::move(conversation->branch), conversation->window,
           conversation);
  conversation->answering = true;
}

int TorchSession::room_behind(const WindowSummary& window, int64_t rows, size_t prompt) const {
  const int room = model_.info.context_tokens - static_cast<int>(rows) - static_cast<int>(prompt);
  if (room >= 1) return room;
  const int64_t said = rows - window.positions;
  throw Error(ErrorCode::kInvalidArgument,
              "the question takes " + std::to_string(prompt) + " tokens; behind a window of " +
                  std::to_string(window.positions) +
                  (said > 0 ? " and a conversation of " + std::to_string(said) : "") +
                  " the model's context of " + std::to_string(model_.info.context_tokens) +
                  " has no room for it");
}

void TorchSession::generate(const std::shared_ptr<Ticket>& ticket, std::vector<int32_t> prompt,
                            std::unique_ptr<KvBranch> branch, const WindowSummary& window,
                            const std::shared_ptr<Conversation>& conversation) {
  const int room = room_behind(window, branch->rows(), prompt.size());
  answerer_.start(std::make_unique<Generation>(
      ticket, model_.layout, std::move(prompt), window, room, std::move(branch), conversation,
      [this, conversation](const Ticket& done_ticket, Answer answer) {
        if (conversation) go_on(*conversation);
        done(done_ticket, std::move(answer));
      }));
}

std::shared_ptr<Conversation> TorchSession::conversation_of(const std::string& name) {
  const auto known = std::find_if(conversations_.begin(), conversations_.end(),
                                  [&](const auto& one) { return one.first == name; });
  if (known != conversations_.end()) {
    std::rotate(known, known + 1, conversations_.end());
    return conversations_.back().second;
  }
  if (conversations_.size() >= kConversations) {
    // One that is being answered stays until it is not.
    const auto idle = std::find_if(conversations_.begin(), conversations_.end(),
                                   [](const auto& one) { return !one.second->answering; });
    if (idle != conversations_.end()) conversations_.erase(idle);
  }
  return conversations_.emplace_back(name, std::make_shared<Conversation>()).second;
}

// The next question of a conversation, in its turn of the queue: it is urgent as any other.
void TorchSession::go_on(Conversation& conversation) {
  if (conversation.waiting.empty()) return;
  const std::scoped_lock lock(mutex_);
  ++asks_;
  commands_.push_front(Ask{conversation.waiting.front()});
  conversation.waiting.pop_front();
  post_rest();
}

}  // namespace m3
