#include "plugins/answer_pad.h"

#include <algorithm>
#include <utility>

namespace m3 {
namespace {

// How long an answer that is not asked again is shown, for sinks that need a duration.
constexpr GstClockTime kShown = 5 * GST_SECOND;

}  // namespace

class AnswerPad::AnswerItem final : public Outbox::Item {
 public:
  AnswerItem(AnswerPad& pad, std::shared_ptr<Request> request)
      : pad_(pad), request_(std::move(request)) {}

  bool ready_within(std::chrono::milliseconds limit) override {
    const bool ready = request_->wait(limit);
    pad_.post_pieces(*request_);
    return ready;
  }
  GstFlowReturn send(GstPad*) override { return pad_.deliver(request_); }
  bool counts() const override { return true; }

 private:
  AnswerPad& pad_;
  const std::shared_ptr<Request> request_;
};

class AnswerPad::CapsItem final : public Outbox::Item {
 public:
  explicit CapsItem(AnswerPad& pad) : pad_(pad) {}
  GstFlowReturn send(GstPad*) override {
    return pad_.negotiate() ? GST_FLOW_OK : GST_FLOW_NOT_NEGOTIATED;
  }
  bool survives_flush() const override { return true; }

 private:
  AnswerPad& pad_;
};

class AnswerPad::GapItem final : public Outbox::Item {
 public:
  explicit GapItem(GstClockTime pts) : pts_(pts) {}
  void extend(GstClockTime pts) { pts_ = pts; }
  GstFlowReturn send(GstPad* pad) override {
    if (!GST_PAD_IS_EOS(pad)) {
      gst_pad_push_event(pad, gst_event_new_gap(pts_, GST_CLOCK_TIME_NONE));
    }
    return GST_FLOW_OK;
  }

 private:
  GstClockTime pts_;
};

AnswerPad::AnswerPad(GstElement* element, GstPad* src)
    : element_(element), src_(src), outbox_(src) {}

void AnswerPad::set_stream(const std::string& stream) {
  const std::lock_guard lock(mutex_);
  stream_ = stream;
}

std::string AnswerPad::stream() const {
  const std::lock_guard lock(mutex_);
  return stream_;
}

std::shared_ptr<Request> AnswerPad::open(AskedQuestion question) {
  auto request = std::make_shared<Request>(mailbox_, std::move(question));
  {
    const std::lock_guard lock(mutex_);
    open_.push_back(request);
  }
  if (outbox_.put(std::make_unique<AnswerItem>(*this, request)) == GST_FLOW_OK) return request;
  const std::lock_guard lock(mutex_);
  std::erase(open_, request);
  return nullptr;
}

void AnswerPad::put_caps() { outbox_.put(std::make_unique<CapsItem>(*this)); }

void AnswerPad::put_gap(GstClockTime pts) {
  const bool extended = outbox_.amend_last([pts](Outbox::Item& last) {
    auto* gap = dynamic_cast<GapItem*>(&last);
    if (gap) gap->extend(pts);
    return gap != nullptr;
  });
  if (!extended) outbox_.put(std::make_unique<GapItem>(pts));
}

bool AnswerPad::cancel(const std::string& id) {
  std::vector<std::shared_ptr<Request>> found;
  {
    const std::lock_guard lock(mutex_);
    std::copy_if(open_.begin(), open_.end(), std::back_inserter(found),
                 [&](const auto& request) { return request->question().id == id; });
  }
  for (const auto& request : found) request->cancel();
  return !found.empty();
}

void AnswerPad::abandon_all() {
  std::vector<std::shared_ptr<Request>> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(open_);
  }
  for (const auto& request : left) {
    request->abandon();
    Answer answer;
    answer.finish = Finish::kCancelled;
    answer.asked_at_ns = request->question().asked_at_ns;
    post(line_of(*request, std::move(answer)));
  }
}

AnswerLine AnswerPad::line_of(const Request& request, Answer answer) const {
  AnswerLine line;
  line.id = request.question().id;
  line.uid = request.uid();
  line.stream = stream();
  line.utc = utc_now();
  line.question = request.question().text;
  line.answer = std::move(answer);
  return line;
}

void AnswerPad::post(const AnswerLine& line) {
  gst_element_post_message(element_, new_answer_message(element_, line));
}

bool AnswerPad::negotiate() {
  GstCaps* caps = gst_pad_get_allowed_caps(src_);
  if (!caps) caps = gst_pad_get_pad_template_caps(src_);  // not linked: as if anything were taken
  if (gst_caps_is_empty(caps)) {
    gst_caps_unref(caps);
    return false;
  }
  caps = gst_caps_fixate(gst_caps_truncate(caps));
  json_ = gst_structure_has_name(gst_caps_get_structure(caps, 0), "application/json");
  GstCaps* current = gst_pad_get_current_caps(src_);
  if (!current || !gst_caps_is_equal(caps, current)) {
    gst_pad_push_event(src_, gst_event_new_caps(caps));
  }
  gst_caps_replace(&current, nullptr);
  gst_caps_unref(caps);
  return true;
}

void AnswerPad::post_pieces(Request& request) {
  for (const AnswerPiece& piece : request.take_pieces()) {
    gst_element_post_message(element_, new_piece_message(element_, piece));
  }
}

GstFlowReturn AnswerPad::deliver(const std::shared_ptr<Request>& request) {
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = std::erase(open_, request) > 0;
  }
  if (!wanted) return GST_FLOW_OK;  // abandoned just now, and told so
  post_pieces(*request);
  const AnswerLine line = line_of(*request, request->take_answer());
  post(line);
  if (line.answer.finish == Finish::kError) {
    GST_ELEMENT_WARNING(element_, LIBRARY, FAILED,
                        ("A question was not answered: %s", line.answer.error.c_str()),
                        ("%s: %s", line.id.c_str(), line.question.c_str()));
  }
  return push(*request, line);
}

GstFlowReturn AnswerPad::push(const Request& request, const AnswerLine& line) {
  // Behind the end of the stream answers are messages only.
  if (GST_PAD_IS_EOS(src_)) return GST_FLOW_OK;
  if (gst_pad_check_reconfigure(src_) && !negotiate()) return GST_FLOW_NOT_NEGOTIATED;
  const bool answered =
      line.answer.finish == Finish::kStop || line.answer.finish == Finish::kLength;
  const std::string text = json_      ? to_json_line(line) + "\n"
                           : answered ? line.answer.text
                                      : std::string();
  if (text.empty()) return GST_FLOW_OK;
  GstBuffer* buffer = gst_buffer_new_memdup(text.data(), text.size());
  GST_BUFFER_PTS(buffer) = request.question().pts;
  GST_BUFFER_DURATION(buffer) = request.question().every_ns > 0
                                    ? static_cast<GstClockTime>(request.question().every_ns)
                                    : kShown;
  const GstFlowReturn flow = gst_pad_push(src_, buffer);
  return flow == GST_FLOW_NOT_LINKED ? GST_FLOW_OK : flow;
}

}  // namespace m3
