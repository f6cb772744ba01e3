// Request: one question on its way through the session. The engine's thread puts pieces and the
// answer in; the element's source task takes them out. Threads: safe from any thread; nothing is
// called with a lock held.
#pragma once

#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/engine.h"
#include "plugins/messages.h"

namespace m3 {

// Where the requests of one element leave what they get, so that one thread can wait for all of
// them.
struct Mailbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<AnswerPiece> pieces;  // guarded by mutex; of any request, in order
};

// What is known of a question when it is asked.
struct AskedQuestion {
  std::string id;
  std::string text;
  int64_t asked_at_ns = kNoTime;           // stream time
  int64_t every_ns = 0;                    // until it is asked again, 0: never
  GstClockTime pts = GST_CLOCK_TIME_NONE;  // of the answer's buffer
};

class Request final : public AnswerSink {
 public:
  Request(std::shared_ptr<Mailbox> mailbox, AskedQuestion question);

  // Constant.
  const AskedQuestion& question() const noexcept { return question_; }
  const std::string& uid() const noexcept { return uid_; }

  // The session's calls, on an engine thread.
  void on_piece(RequestId id, std::string_view piece) override;
  void on_done(RequestId id, Answer answer) override;

  // Ends it without the session, unless it has ended.
  void end(Finish finish, const std::string& error);
  // The session took it; cancels it at once when cancel() came first.
  void taken_by(std::weak_ptr<Session> session, RequestId id);
  void cancel();
  // Nobody waits for it any more: what it still gets is dropped.
  void abandon();

  // Waits up to `limit` for the answer or for a piece of any request; true: the answer is there.
  bool wait(std::chrono::milliseconds limit);
  // The pieces that have come since the last call, of all requests.
  std::deque<AnswerPiece> take_pieces();
  Answer take_answer();  // after wait() said so

 private:
  void finish(Answer answer);

  const std::shared_ptr<Mailbox> mailbox_;
  const AskedQuestion question_;
  const std::string uid_;

  // Guarded by mailbox_->mutex.
  std::optional<Answer> answer_;
  std::weak_ptr<Session> session_;
  std::optional<RequestId> request_id_;
  bool cancelled_ = false;
  bool abandoned_ = false;
};

}  // namespace m3
