#include "plugins/responder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "plugins/glue.h"
#include "plugins/gstm3meta.h"
#include "plugins/gstm3tokens.h"
#include "plugins/load_event.h"
#include "plugins/lost_event.h"
#include "plugins/messages.h"

namespace m3 {
namespace {

constexpr double kLoadStep = 0.25;  // changes of load below this are not told
constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();

}  // namespace

Responder::Responder(GstElement* element, GstPad* sink, GstPad* src)
    : element_(element), sink_(sink), src_(src), answers_(element, src) {}

ResponderSettings Responder::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Responder::change_settings(const std::function<void(ResponderSettings&)>& change) {
  std::string stream;
  {
    const std::lock_guard lock(mutex_);
    const std::string question = settings_.question;
    const double interval = settings_.interval;
    change(settings_);
    const bool other = settings_.question != question || settings_.interval != interval;
    if (running_ && other) schedule_property();
    stream = settings_.stream;
  }
  answers_.set_stream(stream);
}

EndLine Responder::counts() const {
  const std::shared_ptr<Session> session = this->session();
  return counts_.line(session ? session->stats().text_tokens : 0);
}

std::shared_ptr<Session> Responder::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

void Responder::start() {
  const ResponderSettings settings = this->settings();
  if (!settings.memory_location.empty()) {
    throw Error(ErrorCode::kUnsupported,
                "memory-location=" + settings.memory_location +
                    " cannot be used: this version has no recall store; leave it empty");
  }
  if (settings.answer_format != "text") {
    throw Error(ErrorCode::kUnsupported, "answer-format=" + settings.answer_format +
                                             " cannot be used: this version answers in text only");
  }
  drops_ = false;
  time_.reset();
  model_id_.clear();
  stream_id_.clear();
  new_segment_ = ended_ = false;
  end_ns_ = kNoTime;
  dropped_ = processed_ = 0;
  told_load_ = 0;
  counts_.reset();
  const std::lock_guard lock(mutex_);
  interrupt_ = std::stop_source();
  running_ = true;
  seen_ = false;
  newest_ns_ = kNoTime;
  newest_pts_ = GST_CLOCK_TIME_NONE;
  schedule_property();
}

void Responder::interrupt() {
  std::stop_source interrupt;
  {
    const std::lock_guard lock(mutex_);
    interrupt = interrupt_;
  }
  interrupt.request_stop();
}

void Responder::stop() {
  answers_.abandon_all();
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    seen_ = false;
    schedule_ = {};
    property_id_.clear();
    session.swap(session_);
  }
  if (session) counts_.keep_text_tokens(session->stats().text_tokens);
  counts_.end();
}

GstFlowReturn Responder::append(const Frame& frame, Outcome* outcome, Shown* tokens) {
  const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(frame.buffer);
  *tokens = {};
  *outcome = Outcome::kSampledOut;
  if (gst_buffer_n_memory(frame.buffer) == 0 || frame.pts_ns == kNoTime) {
    if (meta && meta->decision.action == Action::kReuse) *outcome = Outcome::kReused;
    if (meta && meta->decision.reason == Reason::kBusy) *outcome = Outcome::kDropped;
    return GST_FLOW_OK;
  }
  const std::optional<Tokens> shown = tokens_in(frame.buffer);
  const std::optional<Tokens> crop = tokens_in(frame.buffer, 1);
  const int crop_tokens = crop ? crop->scale() : 0;
  if (!shown) {
    throw Error(ErrorCode::kMismatch,
                "A buffer does not hold visual tokens of this process; put m3encode before");
  }
  std::shared_ptr<Session> session;
  std::stop_token interrupt;
  {
    const std::lock_guard lock(mutex_);
    session = session_;
    interrupt = interrupt_.get_token();
  }
  if (drops_) {
    // Scales fall before a frame is lost.
    tell_load(1 - static_cast<double>(session->inbox_free()) / SessionOptions().inbox_frames);
  }
  if (drops_ && session->inbox_free() == 0) {
    *outcome = Outcome::kDropped;
    if (meta && meta->policy)
      meta->policy->give_back(meta->granted_at_ns, shown->scale() + crop_tokens);
    return GST_FLOW_OK;
  }
  if (!drops_ && !session->wait_inbox(interrupt)) return GST_FLOW_FLUSHING;
  session->append({*shown, frame.pts_ns});
  // A closer look at a part of the frame is a picture of the same moment.
  if (crop) session->append({*crop, frame.pts_ns});
  *outcome = Outcome::kEncoded;
  *tokens = {shown->scale(), crop_tokens};
  return GST_FLOW_OK;
}

void Responder::note(const Frame& frame, Outcome outcome, Shown tokens) {
  counts_.add(outcome, tokens.scale + tokens.crop_scale, frame.pts_ns, frame.end_ns);
  bool tell = false;
  FrameLine line;
  {
    const std::lock_guard lock(mutex_);
    if (outcome == Outcome::kEncoded) seen_ = true;
    if (frame.pts_ns != kNoTime) {
      newest_ns_ = frame.pts_ns;
      newest_pts_ = frame.pts;
    }
    tell = settings_.frame_messages;
    if (tell) line.stream = settings_.stream;
  }
  if (frame.end_ns != kNoTime) end_ns_ = frame.end_ns;
  if (outcome == Outcome::kDropped) {
    ++dropped_;
  } else {
    ++processed_;
  }
  if (!tell) return;
  line.pts_ns = frame.pts_ns;
  line.scale = tokens.scale;
  line.crop_scale = tokens.crop_scale;
  if (const GstM3ActivityMeta* meta = gst_buffer_get_m3_activity(frame.buffer)) {
    line.motion = meta->activity.motion;
    line.complexity = meta->activity.complexity;
  }
  if (const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(frame.buffer)) {
    line.reason = meta->decision.reason;
  }
  if (outcome == Outcome::kDropped) line.reason = Reason::kBusy;
  gst_element_post_message(element_, new_frame_message(element_, line));
}

void Responder::report_drop(const Frame& frame) {
  const GstSegment& segment = time_.segment();
  GstMessage* message = gst_message_new_qos(
      GST_OBJECT(element_), TRUE, gst_segment_to_running_time(&segment, GST_FORMAT_TIME, frame.pts),
      gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, frame.pts), frame.pts,
      GST_BUFFER_DURATION(frame.buffer));
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, processed_, dropped_);
  gst_element_post_message(element_, message);
}

void Responder::tell_load(double load) {
  if (std::abs(load - told_load_) < kLoadStep) return;
  told_load_ = load;
  gst_pad_push_event(sink_, new_load_event({LoadOf::kWindow, load}));
}

GstFlowReturn Responder::process(GstBuffer* buffer) {
  if (model_id_.empty()) return GST_FLOW_NOT_NEGOTIATED;
  ended_ = false;
  Frame frame{buffer, time_.pts_of(buffer)};
  frame.pts_ns = time_.stream_time(frame.pts);
  frame.end_ns = frame.pts_ns;
  if (frame.pts_ns != kNoTime && GST_BUFFER_DURATION_IS_VALID(buffer)) {
    frame.end_ns += static_cast<int64_t>(GST_BUFFER_DURATION(buffer));
  }
  std::vector<DueQuestion> due;
  if (frame.pts_ns != kNoTime) {
    bool back = false;
    {
      const std::lock_guard lock(mutex_);
      back =
          std::exchange(new_segment_, false) && newest_ns_ != kNoTime && frame.pts_ns < newest_ns_;
    }
    if (back) forget_window();
    const std::lock_guard lock(mutex_);
    due = schedule_.before(frame.pts_ns, seen_ ? newest_ns_ : kNoTime);
  }
  if (const GstFlowReturn flow = ask_due(due, false); flow != GST_FLOW_OK) return flow;

  Outcome outcome;
  Shown tokens;
  if (const GstFlowReturn flow = append(frame, &outcome, &tokens); flow != GST_FLOW_OK) return flow;
  const bool dropped_here = outcome == Outcome::kDropped && gst_buffer_n_memory(frame.buffer) > 0;
  note(frame, outcome, tokens);
  if (dropped_here) report_drop(frame);
  answers_.put_gap(frame.pts);
  return answers_.outbox().flow();
}

void Responder::set_caps(const GstCaps* caps) {
  const std::string model_id = model_id_of(caps);
  if (model_id == model_id_) return;
  const std::shared_ptr<Engine> engine = find_engine(model_id);
  if (!engine) {
    throw Error(ErrorCode::kMismatch, "No model with the id " + model_id +
                                          " is open in this process; its m3encode must run in it");
  }
  const ResponderSettings settings = this->settings();
  check(question_of({}), engine->info());
  SessionOptions options;
  options.system_prompt = settings.system_prompt;
  options.window_tokens = settings.window_tokens;
  options.prefill_early = drops_;  // a live stream has idle time before the question
  std::shared_ptr<Session> session = engine->create_session(options);
  if (!model_id_.empty()) {
    // Tokens of another model come: what was asked of the last one is answered first.
    answers_.outbox().wait_for_room(1, kAnyNumber);
    forget_window();
  }
  model_id_ = model_id;
  const std::lock_guard lock(mutex_);
  session_.swap(session);
}

void Responder::look_for_live() {
  const GstM3WhenBusy when = settings().when_busy;
  drops_ = when == GST_M3_WHEN_BUSY_DROP || (when == GST_M3_WHEN_BUSY_AUTO && is_live(sink_));
}

// The window and its questions go; what is scheduled for later stays.
void Responder::forget_window() {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    session = session_;
    seen_ = false;
    newest_ns_ = kNoTime;
    newest_pts_ = GST_CLOCK_TIME_NONE;
    schedule_.restart();
  }
  end_ns_ = kNoTime;
  ended_ = false;
  if (!session) return;
  counts_.keep_text_tokens(session->stats().text_tokens);
  session->flush();
}

GstFlowReturn Responder::end_stream() {
  if (std::exchange(ended_, true)) return GST_FLOW_OK;
  std::vector<DueQuestion> due;
  {
    const std::lock_guard lock(mutex_);
    due = schedule_.at_end(newest_ns_, end_ns_);
  }
  const GstFlowReturn flow = ask_due(due, true);
  counts_.end();
  return flow;
}

// The text is a stream of its own, made of upstream's.
GstEvent* Responder::begin_stream(GstEvent* event) {
  const gchar* id = nullptr;
  gst_event_parse_stream_start(event, &id);
  if (!stream_id_.empty() && stream_id_ != id) {
    // The one before ends here: what was asked of it is answered first.
    end_stream();
    answers_.outbox().wait_for_room(1, kAnyNumber);
    forget_window();
    counts_.reset();
  }
  stream_id_ = id;
  GstEvent* start = gst_event_new_stream_start((stream_id_ + "/text").c_str());
  guint group = 0;
  if (gst_event_parse_group_id(event, &group)) gst_event_set_group_id(start, group);
  gst_event_set_stream_flags(start, GST_STREAM_FLAG_SPARSE);
  gst_event_set_seqnum(start, gst_event_get_seqnum(event));
  gst_event_unref(event);
  return start;
}

bool Responder::flush_start(GstEvent* event) {
  const bool pushed = gst_pad_push_event(src_, event);
  interrupt();
  answers_.outbox().flush_start();
  answers_.abandon_all();
  return pushed;
}

bool Responder::flush_stop(GstEvent* event) {
  const bool pushed = gst_pad_push_event(src_, event);
  // The streaming thread has left process() since flush_start(): what it still put in goes here.
  forget_window();
  answers_.abandon_all();
  time_.reset();
  {
    const std::lock_guard lock(mutex_);
    interrupt_ = std::stop_source();
  }
  answers_.outbox().flush_stop();
  return pushed;
}

bool Responder::take_event(GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      return flush_start(event);
    case GST_EVENT_FLUSH_STOP:
      return flush_stop(event);
    case GST_EVENT_CAPS: {
      const EventItem token_caps(event);  // owned here: set_caps() may throw
      GstCaps* caps = nullptr;
      gst_event_parse_caps(event, &caps);
      look_for_live();
      set_caps(caps);
      answers_.put_caps();
      return true;
    }
    case GST_EVENT_STREAM_START:
      look_for_live();
      event = begin_stream(event);
      break;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment = nullptr;
      gst_event_parse_segment(event, &segment);
      time_.set_segment(*segment);
      new_segment_ = true;
      break;
    }
    case GST_EVENT_EOS:
      end_stream();
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      if (const auto lost = lost_in(event)) {
        gst_event_unref(event);
        counts_.add(*lost);
        dropped_ += lost->dropped;
        return true;
      }
      break;
    default:
      break;
  }
  if (!GST_EVENT_IS_SERIALIZED(event)) return gst_pad_push_event(src_, event);
  const bool sticky = GST_EVENT_IS_STICKY(event);
  return answers_.outbox().put(std::make_unique<EventItem>(event)) == GST_FLOW_OK || sticky;
}

}  // namespace m3
