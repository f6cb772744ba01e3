#include "tools/m3_ask/video_player.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

#include "core/error.h"
#include "tools/common/make_element.h"
#include "tools/m3_ask/line_reader.h"
#include "tools/m3_ask/video_source.h"

namespace m3::ask {
namespace {

constexpr GstClockTime kBusPatience = 50 * GST_MSECOND;  // how long Ctrl-C may go unnoticed
constexpr double kMissingSeconds = 1.0;    // a file is truncated when more than this is missing,
constexpr double kMissingFraction = 0.02;  // or more than this part of its declared duration,
constexpr double kMissingAtLeast = 0.2;    // but never for less than this: frames have a length

guint64 to_ns(double seconds) { return static_cast<guint64>(std::llround(seconds * GST_SECOND)); }
double to_seconds(int64_t ns) { return static_cast<double>(ns) / GST_SECOND; }

void set_list(GObject* object, const std::string& property, const std::vector<std::string>& texts) {
  GValue list = G_VALUE_INIT;
  g_value_init(&list, GST_TYPE_ARRAY);
  for (const std::string& text : texts) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_STRING);
    g_value_set_string(&value, text.c_str());
    gst_value_array_append_and_take_value(&list, &value);
  }
  g_object_set_property(object, property.c_str(), &list);
  g_value_unset(&list);
}

// One pass over one video.
class Player {
 public:
  Player(const VideoRequest& request, VideoListener& listener);
  ~Player();

  VideoResult play(std::stop_token stop);

 private:
  void set_properties();
  void schedule_questions();
  void ask_lines();
  // False: the stream is over.
  bool handle(GstMessage* message);
  void handle_element_message(const GstStructure& what);
  void handle_error(GstMessage* message);
  void handle_warning(GstMessage* message);
  void note_duration();
  void report_progress();
  void judge_the_end();
  bool is_ours(GstObject* source) const;

  const VideoRequest& request_;
  VideoListener& listener_;
  GstPtr<GstElement> pipeline_;
  GstElement* qa_ = nullptr;  // owned by the pipeline
  GstPtr<GstBus> bus_;
  std::unique_ptr<VideoSource> source_;
  std::map<std::string, size_t> index_of_id_;
  LineReader lines_{STDIN_FILENO};
  int64_t duration_ns_ = 0;    // declared; 0: not known
  bool model_failed_ = false;  // m3qa ended it, not the stream
  VideoResult result_;
};

Player::Player(const VideoRequest& request, VideoListener& listener)
    : request_(request),
      listener_(listener),
      pipeline_(GST_ELEMENT(gst_object_ref_sink(gst_pipeline_new(nullptr)))),
      bus_(gst_element_get_bus(pipeline_.get())) {
  GstElement* convert = tools::make_element(pipeline_.get(), "videoconvert");
  qa_ = tools::make_element(pipeline_.get(), "m3qa");
  GstElement* sink = tools::make_element(pipeline_.get(), "fakesink");
  g_object_set(sink, "sync", request.interactive ? TRUE : FALSE, nullptr);
  if (!gst_element_link_many(convert, qa_, sink, nullptr)) {
    throw Error(ErrorCode::kInternal, "videoconvert, m3qa and fakesink do not link");
  }
  set_properties();
  schedule_questions();
  source_ = std::make_unique<VideoSource>(request.video, pipeline_.get(), convert);
}

Player::~Player() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }

void Player::set_properties() {
  std::map<std::string, std::vector<std::string>> lists;
  for (const auto& [name, text] : request_.properties) {
    const GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(qa_), name.c_str());
    if (spec != nullptr && spec->value_type == GST_TYPE_ARRAY) {
      lists[name].push_back(text);
    } else {
      gst_util_set_object_arg(G_OBJECT(qa_), name.c_str(), text.c_str());
    }
  }
  for (const auto& [name, texts] : lists) set_list(G_OBJECT(qa_), name, texts);
  if (request_.frames) g_object_set(qa_, "frame-messages", TRUE, nullptr);
}

void Player::schedule_questions() {
  for (const TimedQuestion& question : request_.questions) {
    const guint64 at = question.at_seconds ? to_ns(*question.at_seconds) : GST_CLOCK_TIME_NONE;
    const guint64 every = question.every_seconds ? to_ns(*question.every_seconds) : 0;
    gchar* id = nullptr;
    g_signal_emit_by_name(qa_, "ask-at", question.text.c_str(), at, every, &id);
    const GstPtr<gchar> owned(id);
    if (id != nullptr) index_of_id_[id] = question.index;
  }
}

void Player::ask_lines() {
  for (const std::string& text : lines_.lines()) {
    gchar* id = nullptr;
    g_signal_emit_by_name(qa_, "ask", text.c_str(), &id);
    const GstPtr<gchar> owned(id);
    if (id != nullptr) {
      index_of_id_[id] = 0;
    } else {
      listener_.on_warning("not asked, too many questions wait: " + text);
    }
  }
}

VideoResult Player::play(std::stop_token stop) {
  // A failure to start has its reason on the bus.
  bool running = true;
  gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
  while (running) {
    if (stop.stop_requested()) {
      result_.interrupted = true;
      break;
    }
    if (request_.interactive) ask_lines();
    const GstPtr<GstMessage> message(gst_bus_timed_pop(bus_.get(), kBusPatience));
    if (message) running = handle(message.get());
    report_progress();
  }
  GstStructure* stats = nullptr;
  g_object_get(qa_, "stats", &stats, "budget", &result_.budget, "burst", &result_.burst, nullptr);
  result_.stats.reset(stats);
  judge_the_end();
  return std::move(result_);
}

bool Player::handle(GstMessage* message) {
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      return false;
    case GST_MESSAGE_ERROR:
      handle_error(message);
      return false;
    case GST_MESSAGE_WARNING:
      handle_warning(message);
      break;
    case GST_MESSAGE_ASYNC_DONE:
    case GST_MESSAGE_DURATION_CHANGED:
      note_duration();
      break;
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency(GST_BIN(pipeline_.get()));
      break;
    case GST_MESSAGE_CLOCK_LOST:
      gst_element_set_state(pipeline_.get(), GST_STATE_PAUSED);
      gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
      break;
    case GST_MESSAGE_ELEMENT:
      handle_element_message(*gst_message_get_structure(message));
      break;
    case GST_MESSAGE_APPLICATION:
      if (gst_message_has_name(message, VideoSource::kNoVideoMessage)) {
        result_.error = request_.video + ": has no video stream";
        return false;
      }
      break;
    default:
      break;
  }
  return true;
}

void Player::handle_element_message(const GstStructure& what) {
  if (gst_structure_has_name(&what, "m3-frame")) {
    listener_.on_frame(what);
  } else if (gst_structure_has_name(&what, "m3-answer")) {
    const char* id = gst_structure_get_string(&what, "id");
    const auto found = id != nullptr ? index_of_id_.find(id) : index_of_id_.end();
    if (found != index_of_id_.end()) listener_.on_answer(found->second, what);
  }
}

// Errors of our elements say all that is to be said; others do not name the file.
bool Player::is_ours(GstObject* source) const {
  return source == GST_OBJECT(qa_) || gst_object_has_as_ancestor(source, GST_OBJECT(qa_));
}

void Player::handle_error(GstMessage* message) {
  GError* raw_error = nullptr;
  gst_message_parse_error(message, &raw_error, nullptr);
  const GstPtr<GError> error(raw_error);
  model_failed_ = is_ours(GST_MESSAGE_SRC(message));
  if (model_failed_) {
    result_.error = error->message;
  } else if (g_error_matches(error.get(), GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED)) {
    // "Internal data stream error." and the like, which say nothing by themselves.
    result_.error = request_.video + ": cannot be read or decoded (" + error->message + ")";
  } else {
    result_.error = request_.video + ": " + error->message;
  }
}

void Player::handle_warning(GstMessage* message) {
  if (!is_ours(GST_MESSAGE_SRC(message))) return;
  GError* raw_warning = nullptr;
  gst_message_parse_warning(message, &raw_warning, nullptr);
  const GstPtr<GError> warning(raw_warning);
  listener_.on_warning(warning->message);
}

// Some formats only estimate their duration, ever better as the stream goes on; the least that was
// declared counts.
void Player::note_duration() {
  gint64 duration = 0;
  if (!gst_element_query_duration(pipeline_.get(), GST_FORMAT_TIME, &duration) || duration <= 0)
    return;
  duration_ns_ = duration_ns_ == 0 ? duration : std::min<int64_t>(duration_ns_, duration);
}

void Player::report_progress() {
  if (duration_ns_ == 0) return;
  listener_.on_progress(to_seconds(source_->end_ns()) / to_seconds(duration_ns_), request_.video);
}

void Player::judge_the_end() {
  result_.started = source_->frames() > 0;
  if (result_.interrupted || model_failed_) return;
  if (!result_.started) {
    if (result_.error.empty()) result_.error = request_.video + ": no frame of it could be decoded";
    return;
  }
  note_duration();
  const double declared = to_seconds(duration_ns_);
  const double came = to_seconds(source_->end_ns());
  const double tolerance =
      std::min(kMissingSeconds, std::max(kMissingAtLeast, kMissingFraction * declared));
  const auto damaged_at_ns = source_->damaged_at_ns();
  char words[96];
  if (declared - came > tolerance) {
    result_.truncated = true;
    std::snprintf(words, sizeof words, ": ends at %.1f s of %.1f s declared: the file is truncated",
                  came, declared);
    result_.error = request_.video + words;
  } else if (damaged_at_ns && result_.error.empty()) {
    std::snprintf(words, sizeof words, ": is damaged: the decoder met errors from %.1f s on",
                  to_seconds(*damaged_at_ns));
    result_.error = request_.video + words;
  }
}

}  // namespace

VideoListener::~VideoListener() = default;

VideoResult play_video(const VideoRequest& request, VideoListener& listener, std::stop_token stop) {
  return Player(request, listener).play(stop);
}

}  // namespace m3::ask
