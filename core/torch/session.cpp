#include "core/torch/session.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/torch/border.h"
#include "core/torch/unit.h"

namespace m3 {

TorchSession::TorchSession(std::shared_ptr<void> owner, const Model& model, Scheduler& scheduler,
                           Prefiller& prefiller, Answerer& answerer, const SessionOptions& options)
    : owner_(std::move(owner)),
      model_(model),
      scheduler_(scheduler),
      prefiller_(prefiller),
      answerer_(answerer),
      options_(options),
      window_(model, options) {
  link_->session = this;
}

TorchSession::~TorchSession() {
  {
    std::unique_lock lock(mutex_);
    for (const auto& [id, ticket] : tickets_) ticket->cancelled = true;
    if (!tickets_.empty()) {
      end_cancelled();
    }
    changed_.wait(lock, [&] { return tickets_.empty(); });
  }
  const std::scoped_lock lock(link_->mutex, mutex_);
  link_->session = nullptr;
  prefiller_.forget(window_);
  for (const Command& command : commands_) {
    if (const auto* drain = std::get_if<Drain>(&command)) drain->ready->set_value();
  }
}

void TorchSession::append(FrameTokens frame) {
  if (frame.tokens.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "Session: a frame without tokens was appended");
  }
  const std::vector<int>& ladder = *model_.ladder;
  if (frame.tokens.dim() != model_.info.embedding_dim ||
      std::find(ladder.begin(), ladder.end(), frame.tokens.scale()) == ladder.end()) {
    throw Error(
        ErrorCode::kMismatch,
        "Session: tokens of another model were appended: " + std::to_string(frame.tokens.scale()) +
            " of width " + std::to_string(frame.tokens.dim()) + " for model " + model_.info.name +
            " of width " + std::to_string(model_.info.embedding_dim));
  }
  const size_t marker_tokens = model_.layout.marker_ids(frame.pts_ns).size();
  const std::scoped_lock lock(mutex_);
  ++stats_.frames;
  stats_.visual_tokens += static_cast<uint64_t>(frame.tokens.scale());
  stats_.text_tokens += marker_tokens;
  ++inbox_;
  commands_.push_back(Append{std::move(frame)});
  post_rest();
}

int TorchSession::inbox_free() const {
  const std::scoped_lock lock(mutex_);
  return std::max(options_.inbox_frames - inbox_, 0);
}

bool TorchSession::wait_inbox(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, stop, [&] { return inbox_ < options_.inbox_frames; });
}

RequestId TorchSession::ask(Question question, std::shared_ptr<AnswerSink> sink) {
  check(question, model_.info);
  if (!sink) throw Error(ErrorCode::kInvalidArgument, "Question: it has no sink for its answer");
  const std::scoped_lock lock(mutex_);
  const RequestId id = answerer_.new_id();
  const auto ticket = std::shared_ptr<Ticket>(new Ticket{id, std::move(question), std::move(sink)});
  tickets_.emplace(id, ticket);
  ++asks_;
  commands_.push_back(Ask{ticket});
  post_rest();
  return id;
}

void TorchSession::cancel(RequestId id) noexcept {
  const std::scoped_lock lock(mutex_);
  const auto ticket = tickets_.find(id);
  if (ticket == tickets_.end()) return;
  ticket->second->cancelled = true;
  end_cancelled();
}

void TorchSession::flush() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, ticket] : tickets_) ticket->cancelled = true;
  const auto void_from = std::remove_if(
      commands_.begin(), commands_.end(),
      [](const Command& command) { return std::holds_alternative<Append>(command); });
  inbox_ -= static_cast<int>(commands_.end() - void_from);
  commands_.erase(void_from, commands_.end());
  commands_.push_back(Flush{});
  ++flushes_;
  const uint64_t questions = stats_.questions;
  stats_ = {};
  stats_.questions = questions;
  end_cancelled();
  changed_.notify_all();
}

std::future<void> TorchSession::drain() {
  auto ready = std::make_shared<std::promise<void>>();
  std::future<void> future = ready->get_future();
  const std::scoped_lock lock(mutex_);
  commands_.push_back(Drain{std::move(ready)});
  post_rest();
  return future;
}

SessionStats TorchSession::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

void TorchSession::post(WorkClass work) {
  bool& posted = posted_[static_cast<size_t>(work)];
  if (std::exchange(posted, true)) return;
  scheduler_.post(work, [link = link_, work] {
    const std::scoped_lock lock(link->mutex);
    if (link->session != nullptr) link->session->run(work);
  });
}

// Those that are still here, and those that are being answered.
void TorchSession::end_cancelled() {
  post(WorkClass::kAtOnce);
  answerer_.look_for_cancelled();
}

// A question makes everything before it urgent.
void TorchSession::post_rest() {
  post(asks_ > 0 ? WorkClass::kQuestionPrefill : WorkClass::kStreamPrefill);
}

void TorchSession::run(WorkClass work) {
  {
    const std::scoped_lock lock(mutex_);
    posted_[static_cast<size_t>(work)] = false;
  }
  finish_asks_that_are_over();
  if (prefilling_ && nobody_waits_for_prefill()) stop_prefill();
  // At once is only what was cancelled: the command in hand, or the flush.
  const auto now = DecoderPass::Clock::now();
  const auto deadline = work == WorkClass::kAtOnce ? now : now + kUnit;
  while (step() && DecoderPass::Clock::now() < deadline) {
  }
  const std::scoped_lock lock(mutex_);
  if (prefilling_) {
    if (asks_ > 0) prefiller_.hurry(window_);
    // A deadline has nobody else who wakes us.
    const auto* ask = current_ ? std::get_if<Ask>(&*current_) : nullptr;
    if (ask != nullptr && ask->ticket->question.deadline_ms > 0) post(WorkClass::kQuestionPrefill);
  } else if (current_ || !commands_.empty()) {
    post_rest();
  } else if (unread_ > 0) {
    start_prefill(Prefiller::kBackground);
  }
}

// Works on the oldest command; true when it is finished. While the window is being prefilled it
// must not change, so commands wait.
bool TorchSession::step() {
  if (prefilling_) return false;
  if (!current_) {
    const std::scoped_lock lock(mutex_);
    if (commands_.empty()) return false;
    current_ = std::move(commands_.front());
    commands_.pop_front();
  }
  if (!std::visit([&](auto& command) { return handle(command); }, *current_)) return false;
  current_.reset();
  return true;
}

bool TorchSession::handle(Append& command) {
  ++unread_;
  try {
    window_.append(command.frame);
  } catch (...) {
    // The window is as it was, without this frame: no answer may pretend that it is there.
    failed_ = std::current_exception();
  }
  publish_window();
  if (!options_.prefill_early) all_read();
  return true;
}

bool TorchSession::handle(Ask& command) {
  const std::shared_ptr<Ticket>& ticket = command.ticket;
  try {
    if (ticket->over()) {
      done(*ticket, answer_without_text(*ticket, Finish::kCancelled));
    } else {
      if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
      if (window_.misses_rows()) {
        start_prefill(Prefiller::kQuestionWaits);
        return false;
      }
      if (ticket->question.conversation.empty()) {
        start_answer(ticket);
      } else {
        start_in_conversation(ticket);
      }
    }
  } catch (...) {
    done(*ticket,
         answer_without_text(*ticket, Finish::kError, text_of_current("reading the window")));
  }
  const std::scoped_lock lock(mutex_);
  --asks_;
  return true;
}

void TorchSession::start_prefill(Prefiller::Urgency urgency) {
  prefilling_ = true;
  prefiller_.start(window_, urgency, [link = link_](std::exception_ptr error) {
    const std::scoped_lock lock(link->mutex);
    if (link->session != nullptr) link->session->prefilled(std::move(error));
  });
}

void TorchSession::stop_prefill() {
  if (!std::exchange(prefilling_, false)) return;
  prefiller_.forget(window_);
  all_read();
}

void TorchSession::prefilled(std::exception_ptr error) {
  prefilling_ = false;
  // Without a question nobody is told: frames stay without keys and values, and the next question
  // computes them, or says why it cannot.
  const bool asked = current_ && std::holds_alternative<Ask>(*current_);
  if (error && asked) failed_ = std::move(error);
  all_read();
  // Whoever drains waited for this alone, and may have a question that others' must not overtake.
  if (current_ && std::holds_alternative<Drain>(*current_)) step();
  const std::scoped_lock lock(mutex_);
  if (current_ || !commands_.empty()) post_rest();
}

// The stream is to be forgotten, or the question that it was for is over.
bool TorchSession::nobody_waits_for_prefill() {
  const auto* ask = current_ ? std::get_if<Ask>(&*current_) : nullptr;
  if (ask != nullptr && ask->ticket->over()) return true;
  const std::scoped_lock lock(mutex_);
  return flushes_ > 0;
}

void TorchSession::all_read() {
  const std::scoped_lock lock(mutex_);
  inbox_ -= std::exchange(unread_, 0);
  changed_.notify_all();
}

bool TorchSession::handle(Flush&) {
  window_.clear();
  failed_ = nullptr;
  for (const auto& [name, conversation] : std::exchange(conversations_, {})) {
    for (const auto& ticket : conversation->waiting)
      done(*ticket, answer_without_text(*ticket, Finish::kCancelled));
    conversation->waiting.clear();
  }
  {
    const std::scoped_lock lock(mutex_);
    --flushes_;
  }
  publish_window();
  return true;
}

bool TorchSession::handle(Drain& command) {
  if (unread_ > 0) {
    start_prefill(Prefiller::kBackground);
    return false;
  }
  const std::scoped_lock lock(mutex_);
  Draining draining{std::move(command.ready), {}};
  for (const auto& [id, ticket] : tickets_) {
    const bool still_queued =
        std::any_of(commands_.begin(), commands_.end(), [&wanted = ticket](const Command& queued) {
          const auto* ask = std::get_if<Ask>(&queued);
          return ask != nullptr && ask->ticket == wanted;
        });
    if (!still_queued) draining.waits_for.insert(id);
  }
  if (draining.waits_for.empty()) {
    draining.ready->set_value();
  } else {
    draining_.push_back(std::move(draining));
  }
  return true;
}

void TorchSession::finish_asks_that_are_over() {
  std::vector<std::shared_ptr<Ticket>> over;
  for (const auto& [name, conversation] : conversations_) {
    std::deque<std::shared_ptr<Ticket>>& waiting = conversation->waiting;
    for (auto ticket = waiting.begin(); ticket != waiting.end();) {
      if ((*ticket)->over()) {
        over.push_back(std::move(*ticket));
        ticket = waiting.erase(ticket);
      } else {
        ++ticket;
      }
    }
  }
  {
    const std::scoped_lock lock(mutex_);
    for (auto command = commands_.begin(); command != commands_.end();) {
      const auto* ask = std::get_if<Ask>(&*command);
      if (ask != nullptr && ask->ticket->over()) {
        over.push_back(ask->ticket);
        command = commands_.erase(command);
        --asks_;
      } else {
        ++command;
      }
    }
  }
  for (const auto& ticket : over) done(*ticket, answer_without_text(*ticket, Finish::kCancelled));
}

void TorchSession::publish_window() {
  const WindowSummary window = window_.summary();
  const std::scoped_lock lock(mutex_);
  if (flushes_ > 0) return;
  stats_.window_frames = window.frames;
  stats_.window_visual_tokens = window.visual_tokens;
  stats_.window_positions = window.positions;
}

void TorchSession::done(const Ticket& ticket, Answer answer) {
  const RequestId id = ticket.id;
  {
    const std::scoped_lock lock(mutex_);
    ++stats_.questions;  // before the sink hears of it, who may look at once
  }
  ticket.sink->on_done(id, std::move(answer));
  const std::scoped_lock lock(mutex_);
  for (auto draining = draining_.begin(); draining != draining_.end();) {
    draining->waits_for.erase(id);
    if (!draining->waits_for.empty()) {
      ++draining;
      continue;
    }
    draining->ready->set_value();
    draining = draining_.erase(draining);
  }
  tickets_.erase(id);  // last: the destructor waits for it
  changed_.notify_all();
}

}  // namespace m3
