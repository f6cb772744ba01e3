#include "plugins/request.h"

#include <utility>

#include "core/uuid.h"

namespace m3 {

Request::Request(std::shared_ptr<Mailbox> mailbox, AskedQuestion question)
    : mailbox_(std::move(mailbox)), question_(std::move(question)), uid_(uuid7()) {}

void Request::on_piece(RequestId id, std::string_view piece) {
  {
    const std::lock_guard lock(mailbox_->mutex);
    if (abandoned_) return;
    mailbox_->pieces.push_back({question_.id, uid_, std::string(piece)});
  }
  mailbox_->changed.notify_all();
}

void Request::on_done(RequestId id, Answer answer) { finish(std::move(answer)); }

void Request::end(Finish finish, const std::string& error) {
  Answer answer;
  answer.finish = finish;
  answer.error = error;
  answer.asked_at_ns = question_.asked_at_ns;
  this->finish(std::move(answer));
}

void Request::finish(Answer answer) {
  {
    const std::lock_guard lock(mailbox_->mutex);
    if (answer_) return;
    answer_ = std::move(answer);
  }
  mailbox_->changed.notify_all();
}

void Request::taken_by(std::weak_ptr<Session> session, RequestId id) {
  bool cancelled = false;
  {
    const std::lock_guard lock(mailbox_->mutex);
    session_ = session;
    request_id_ = id;
    cancelled = cancelled_;
  }
  if (cancelled) cancel();
}

void Request::cancel() {
  std::shared_ptr<Session> session;
  RequestId id = 0;
  {
    const std::lock_guard lock(mailbox_->mutex);
    cancelled_ = true;
    if (!request_id_) return;
    id = *request_id_;
    session = session_.lock();
  }
  if (session) session->cancel(id);
}

void Request::abandon() {
  {
    const std::lock_guard lock(mailbox_->mutex);
    abandoned_ = true;
    std::erase_if(mailbox_->pieces, [&](const AnswerPiece& piece) { return piece.uid == uid_; });
  }
  cancel();
}

bool Request::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mailbox_->mutex);
  mailbox_->changed.wait_for(lock, limit, [&] { return answer_ || !mailbox_->pieces.empty(); });
  return answer_.has_value();
}

std::deque<AnswerPiece> Request::take_pieces() {
  std::deque<AnswerPiece> pieces;
  const std::lock_guard lock(mailbox_->mutex);
  pieces.swap(mailbox_->pieces);
  return pieces;
}

Answer Request::take_answer() {
  const std::lock_guard lock(mailbox_->mutex);
  return *std::exchange(answer_, Answer());
}

}  // namespace m3
