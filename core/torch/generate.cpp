#include "core/torch/generate.h"

#include <algorithm>
#include <utility>

namespace m3 {
namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

bool Ticket::over() const noexcept {
  if (cancelled) return true;
  return question.deadline_ms > 0 && std::chrono::steady_clock::now() >=
                                         asked + std::chrono::milliseconds(question.deadline_ms);
}

Answer answer_without_text(const Ticket& ticket, Finish finish, const std::string& error) {
  Answer answer;
  answer.finish = finish;
  answer.error = error;
  answer.asked_at_ns = ticket.question.asked_at_ns;
  answer.total_ms = milliseconds_since(ticket.asked);
  return answer;
}

Generation::Generation(std::shared_ptr<Ticket> ticket, const WindowLayout& layout,
                       std::vector<int32_t> prompt, const WindowSummary& window, int room,
                       std::unique_ptr<KvBranch> branch, std::shared_ptr<Conversation> conversation,
                       Done on_done)
    : ticket_(std::move(ticket)),
      layout_(layout),
      prompt_(std::move(prompt)),
      most_new_tokens_(std::min(ticket_->question.max_new_tokens, room)),
      branch_(std::move(branch)),
      rows_before_(branch_->rows()),
      conversation_(std::move(conversation)),
      on_done_(std::move(on_done)),
      sampler_({ticket_->question.temperature, ticket_->question.top_p, ticket_->question.seed}),
      stops_(ticket_->question.stop) {
  answer_.asked_at_ns = ticket_->question.asked_at_ns;
  answer_.from_ns = window.from_ns;
  answer_.to_ns = window.to_ns;
  answer_.frames = window.frames;
  answer_.visual_tokens = window.visual_tokens;
  answer_.prompt_tokens = static_cast<int>(prompt_.size());
}

bool Generation::take(std::span<const float> logits) {
  const int32_t id = sampler_.pick(logits);
  if (answer_.ttft_ms == 0) answer_.ttft_ms = milliseconds_since(ticket_->asked);
  if (layout_.ends_answer(id)) return true;
  std::string text = layout_.tokenizer().decode({id});
  const bool first = answer_.ids.empty();
  if (first && layout_.tokenizer().drops_first_space() && text.starts_with(' ')) text.erase(0, 1);
  answer_.ids.push_back(id);
  show(stops_.push(characters_.push(text)));
  if (stops_.found()) return true;
  if (static_cast<int>(answer_.ids.size()) < most_new_tokens_) return false;
  outcome_ = Finish::kLength;
  return true;
}

std::unique_ptr<KvBranch> Generation::release(Finish finish) {
  if (!conversation_) return std::move(branch_);
  const bool complete = finish == Finish::kStop || finish == Finish::kLength;
  conversation_->end_turn(std::move(branch_), rows_before_, static_cast<int64_t>(prompt_.size()),
                          complete ? std::optional(answer_.ids) : std::nullopt);
  return nullptr;
}

void Generation::finish(Finish finish, const std::string& error) {
  if (finish == Finish::kStop || finish == Finish::kLength) {
    show(stops_.push(characters_.finish()));
    show(stops_.finish());
  }
  answer_.finish = finish;
  answer_.error = error;
  answer_.new_tokens = static_cast<int>(answer_.ids.size());
  answer_.confidence = sampler_.confidence();
  answer_.margin = sampler_.margin();
  answer_.total_ms = milliseconds_since(ticket_->asked);
  on_done_(*ticket_, std::move(answer_));
}

void Generation::show(const std::string& text) {
  if (text.empty()) return;
  answer_.text += text;
  ticket_->sink->on_piece(ticket_->id, text);
}

}  // namespace m3
