#include "tools/m3_ask/video_source.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "tools/common/make_element.h"
#include "tools/m3_ask/gst_ptr.h"

namespace m3::ask {

struct VideoSource::Shared {
  GstElement* sink = nullptr;  // owned by the pipeline

  std::mutex mutex;
  std::string first_video;  // guarded by mutex: stream id of the stream that is decoded
  bool linked = false;      // guarded by mutex
  int64_t end_ns = 0;       // guarded by mutex
  int64_t frames = 0;       // guarded by mutex
  std::optional<int64_t> damaged_at_ns;  // guarded by mutex
};

namespace {

using Shared = VideoSource::Shared;

// Where the base class of all video decoders logs a packet that a decoder could not decode.
constexpr char kDecoderCategory[] = "videodecoder";
constexpr char kDecoderErrorFunction[] = "_gst_video_decoder_error";

// A path as a file URI, after the checks whose failures GStreamer words badly.
std::string to_uri(const std::string& file_or_uri) {
  if (gst_uri_is_valid(file_or_uri.c_str())) return file_or_uri;
  std::error_code error;
  const auto status = std::filesystem::status(file_or_uri, error);
  if (!std::filesystem::exists(status))
    throw Error(ErrorCode::kNotFound, file_or_uri + ": no such file");
  if (std::filesystem::is_directory(status)) {
    throw Error(ErrorCode::kNotFound, file_or_uri + ": is a folder, not a video");
  }
  if (!std::ifstream(file_or_uri))
    throw Error(ErrorCode::kNotFound, file_or_uri + ": cannot be read");
  if (std::filesystem::is_regular_file(status) &&
      std::filesystem::file_size(file_or_uri, error) == 0) {
    throw Error(ErrorCode::kCorrupt, file_or_uri + ": the file is empty");
  }
  GError* raw_error = nullptr;
  const GstPtr<gchar> uri(gst_filename_to_uri(file_or_uri.c_str(), &raw_error));
  const GstPtr<GError> failure(raw_error);
  if (!uri) throw Error(ErrorCode::kInvalidArgument, file_or_uri + ": " + failure->message);
  return uri.get();
}

bool has_prefix(GstCaps* caps, const char* prefix) {
  return caps != nullptr && !gst_caps_is_any(caps) && !gst_caps_is_empty(caps) &&
         g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), prefix);
}

// Whether the pad gives one stream of a container that holds several.
bool comes_from_demuxer(GstPad* pad) {
  GstPtr<GstPad> target;
  if (GST_IS_GHOST_PAD(pad)) target.reset(gst_ghost_pad_get_target(GST_GHOST_PAD(pad)));
  const GstPtr<GstElement> parent(gst_pad_get_parent_element(target ? target.get() : pad));
  GstElementFactory* factory = parent ? gst_element_get_factory(parent.get()) : nullptr;
  return factory != nullptr &&
         gst_element_factory_list_is_type(factory, GST_ELEMENT_FACTORY_TYPE_DEMUXER);
}

gboolean on_autoplug_continue(GstElement*, GstPad* pad, GstCaps* caps, gpointer data) {
  if (has_prefix(caps, "audio/") || has_prefix(caps, "text/") || has_prefix(caps, "subpicture/") ||
      has_prefix(caps, "closedcaption/")) {
    return FALSE;
  }
  if (!comes_from_demuxer(pad) || !(has_prefix(caps, "video/") || has_prefix(caps, "image/")))
    return TRUE;
  const GstPtr<gchar> stream(gst_pad_get_stream_id(pad));
  if (!stream) return TRUE;
  auto& shared = *static_cast<std::shared_ptr<Shared>*>(data)->get();
  const std::lock_guard lock(shared.mutex);
  if (shared.first_video.empty()) shared.first_video = stream.get();
  return shared.first_video == stream.get();
}

// Notes frames, and those that are damaged, as they leave the decoder.
GstPadProbeReturn on_frame(GstPad*, GstPadProbeInfo* info, gpointer data) {
  auto& shared = *static_cast<std::shared_ptr<Shared>*>(data)->get();
  const std::lock_guard lock(shared.mutex);
  ++shared.frames;
  const bool damaged =
      GST_BUFFER_FLAG_IS_SET(GST_PAD_PROBE_INFO_BUFFER(info), GST_BUFFER_FLAG_CORRUPTED);
  if (damaged && !shared.damaged_at_ns) shared.damaged_at_ns = shared.end_ns;
  return GST_PAD_PROBE_OK;
}

// Notes how far a stream has come, decoded or not.
GstPadProbeReturn on_buffer(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const GstPtr<GstEvent> event(gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0));
  if (!GST_BUFFER_PTS_IS_VALID(buffer) || !event) return GST_PAD_PROBE_OK;
  const GstSegment* segment = nullptr;
  gst_event_parse_segment(event.get(), &segment);
  const GstClockTime begin =
      gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  if (!GST_CLOCK_TIME_IS_VALID(begin)) return GST_PAD_PROBE_OK;
  const GstClockTime length =
      GST_BUFFER_DURATION_IS_VALID(buffer) ? GST_BUFFER_DURATION(buffer) : 0;
  auto& shared = *static_cast<std::shared_ptr<Shared>*>(data)->get();
  const std::lock_guard lock(shared.mutex);
  shared.end_ns = std::max(shared.end_ns, static_cast<int64_t>(begin + length));
  return GST_PAD_PROBE_OK;
}

// Decoders that go on behind an error tell of it in GStreamer's log and nowhere else.
void on_log(GstDebugCategory* category, GstDebugLevel level, const gchar*, const gchar* function,
            gint, GObject*, GstDebugMessage*, gpointer data) {
  if (level != GST_LEVEL_WARNING ||
      std::strcmp(gst_debug_category_get_name(category), kDecoderCategory) != 0 ||
      std::strcmp(function, kDecoderErrorFunction) != 0) {
    return;
  }
  auto& shared = *static_cast<std::shared_ptr<Shared>*>(data)->get();
  const std::lock_guard lock(shared.mutex);
  if (!shared.damaged_at_ns) shared.damaged_at_ns = shared.end_ns;
}

void drop_shared(gpointer data) { delete static_cast<std::shared_ptr<Shared>*>(data); }
void drop_shared_of_closure(gpointer data, GClosure*) { drop_shared(data); }

gpointer share(const std::shared_ptr<Shared>& shared) {
  return new std::shared_ptr<Shared>(shared);
}

void on_pad_added(GstElement*, GstPad* pad, gpointer data) {
  const auto& shared = *static_cast<std::shared_ptr<Shared>*>(data);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, share(shared), drop_shared);
  const GstPtr<GstCaps> caps(gst_pad_get_current_caps(pad));
  if (!has_prefix(caps.get(), "video/x-raw")) return;
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, share(shared), drop_shared);
  {
    const std::lock_guard lock(shared->mutex);
    if (std::exchange(shared->linked, true)) return;
  }
  const GstPtr<GstPad> sink(gst_element_get_static_pad(shared->sink, "sink"));
  gst_pad_link(pad, sink.get());
}

void on_no_more_pads(GstElement* source, gpointer data) {
  const auto& shared = *static_cast<std::shared_ptr<Shared>*>(data);
  {
    const std::lock_guard lock(shared->mutex);
    if (shared->linked) return;
  }
  GstStructure* what = gst_structure_new_empty(VideoSource::kNoVideoMessage);
  gst_element_post_message(source, gst_message_new_application(GST_OBJECT(source), what));
}

}  // namespace

VideoSource::VideoSource(const std::string& file_or_uri, GstElement* pipeline, GstElement* sink)
    : shared_(std::make_shared<Shared>()) {
  const std::string uri = to_uri(file_or_uri);
  GstElement* source = tools::make_element(pipeline, "uridecodebin");
  g_object_set(source, "uri", uri.c_str(), nullptr);
  shared_->sink = sink;
  const auto connect = [&](const char* signal, GCallback callback) {
    g_signal_connect_data(source, signal, callback, share(shared_), drop_shared_of_closure,
                          GConnectFlags{});
  };
  connect("autoplug-continue", G_CALLBACK(on_autoplug_continue));
  connect("pad-added", G_CALLBACK(on_pad_added));
  connect("no-more-pads", G_CALLBACK(on_no_more_pads));
  log_data_ = share(shared_);
  gst_debug_set_threshold_for_name(kDecoderCategory, GST_LEVEL_WARNING);
  gst_debug_add_log_function(on_log, log_data_, drop_shared);
}

VideoSource::~VideoSource() { gst_debug_remove_log_function_by_data(log_data_); }

int64_t VideoSource::end_ns() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->end_ns;
}

int64_t VideoSource::frames() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->frames;
}

std::optional<int64_t> VideoSource::damaged_at_ns() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->damaged_at_ns;
}

}  // namespace m3::ask
