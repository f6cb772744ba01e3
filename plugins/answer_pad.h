// AnswerPad: the way of answers from the session to the bus and to m3llm's source pad, in the order
// in which they were asked. Text or JSON, as downstream takes it; the pad may stay unlinked.
// Threads: any, except where said. Nothing is pushed or posted with a lock held.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/json_lines.h"
#include "plugins/outbox.h"
#include "plugins/request.h"

namespace m3 {

class AnswerPad {
 public:
  AnswerPad(GstElement* element, GstPad* src);  // borrowed

  // Activation, flush and waiting for room; the counting items are questions.
  Outbox& outbox() noexcept { return outbox_; }

  // Name of the stream in messages and lines.
  void set_stream(const std::string& stream);

  // Opens a place for the answer behind those asked before it. nullptr: the pad is flushing. Call
  // session->ask() with it next, or end() it.
  std::shared_ptr<Request> open(AskedQuestion question);
  // Settles the format with downstream, in order with the rest.
  void put_caps();
  // Nothing will come before `pts` any more: sinks that wait for text go on.
  void put_gap(GstClockTime pts);

  bool cancel(const std::string& id);  // false: no question with that id is open
  // The stream is forgotten: every open question is cancelled, and told to be. Call while the
  // outbox is flushing.
  void abandon_all();

 private:
  class AnswerItem;
  class CapsItem;
  class GapItem;

  std::string stream() const;
  void post(const AnswerLine& line);
  AnswerLine line_of(const Request& request, Answer answer) const;

  // Source task.
  bool negotiate();
  void post_pieces(Request& request);
  GstFlowReturn deliver(const std::shared_ptr<Request>& request);
  GstFlowReturn push(const Request& request, const AnswerLine& line);

  GstElement* const element_;
  GstPad* const src_;
  Outbox outbox_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Request>> open_;  // guarded by mutex_; asked and not sent yet
  std::string stream_ = "0";                    // guarded by mutex_

  bool json_ = false;  // source task only
};

}  // namespace m3
