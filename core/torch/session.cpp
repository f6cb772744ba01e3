#include "core/torch/session.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/torch/border.h"

namespace m3 {
namespace {

QuestionPlace place_behind(const WindowSummary& window) {
  return window.frames == 0 ? QuestionPlace::kAlone : QuestionPlace::kBehindFrames;
}

}  // namespace

TorchSession::TorchSession(std::shared_ptr<void> owner, const Model& model, Scheduler& scheduler,
                           Answerer& answerer, const SessionOptions& options)
    : owner_(std::move(owner)),
      model_(model),
      scheduler_(scheduler),
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
      post(WorkClass::kQuestionPrefill);
      answerer_.wake();
    }
    changed_.wait(lock, [&] { return tickets_.empty(); });
  }
  const std::scoped_lock lock(link_->mutex, mutex_);
  link_->session = nullptr;
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
  post(WorkClass::kQuestionPrefill);
  answerer_.wake();
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
  post(WorkClass::kQuestionPrefill);
  answerer_.wake();
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
  const auto deadline = unit_deadline();
  while (step(deadline)) {
  }
  const std::scoped_lock lock(mutex_);
  if (current_ || !commands_.empty()) post_rest();
}

// Works on the oldest command; true when it is finished and there is time for another.
bool TorchSession::step(DecoderPass::Clock::time_point deadline) {
  if (!current_) {
    const std::scoped_lock lock(mutex_);
    if (commands_.empty()) return false;
    current_ = std::move(commands_.front());
    commands_.pop_front();
  }
  if (!std::visit([&](auto& command) { return handle(command, deadline); }, *current_))
    return false;
  current_.reset();
  return DecoderPass::Clock::now() < deadline;
}

bool TorchSession::handle(Append& command, DecoderPass::Clock::time_point deadline) {
  if (!std::exchange(command.in_window, true)) {
    try {
      window_.append(command.frame);
    } catch (...) {
      // Half of a change may be done: nothing that is left could be relied on.
      lost_ = text_of_current("taking a frame into the window");
      window_.clear();
    }
    publish_window();
  }
  if (options_.prefill_early) {
    try {
      if (!window_.prefill(deadline)) return false;
    } catch (...) {
      // The frame stays without keys and values. The next question computes them, or says why it
      // cannot.
    }
  }
  const std::scoped_lock lock(mutex_);
  --inbox_;
  changed_.notify_all();
  return true;
}

bool TorchSession::handle(Ask& command, DecoderPass::Clock::time_point deadline) {
  const std::shared_ptr<Ticket>& ticket = command.ticket;
  try {
    if (ticket->over()) {
      done(*ticket, answer_without_text(*ticket, Finish::kCancelled));
    } else {
      if (!lost_.empty()) {
        throw Error(ErrorCode::kOutOfMemory,
                    std::exchange(lost_, {}) + "; the window was given up and begins anew");
      }
      if (!window_.prefill(deadline)) return false;
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

bool TorchSession::handle(Flush&, DecoderPass::Clock::time_point) {
  window_.clear();
  lost_.clear();
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

bool TorchSession::handle(Drain& command, DecoderPass::Clock::time_point) {
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
