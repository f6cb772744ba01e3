#include "tools/dataset/clip_reader.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "tools/common/make_element.h"

namespace m3::dataset {
namespace {

constexpr GstClockTime kPatience = 60 * GST_SECOND;  // until a frame is there
constexpr GstClockTime kLastFrame =
    500 * GST_MSECOND;  // before the end, where there is one for sure

struct Unref {
  void operator()(GstElement* element) const {
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(element);
  }
  void operator()(GstSample* sample) const { gst_sample_unref(sample); }
};

template <typename Object>
using Owned = std::unique_ptr<Object, Unref>;

void link_video(GstElement*, GstPad* pad, gpointer convert) {
  GstPad* sink = gst_element_get_static_pad(static_cast<GstElement*>(convert), "sink");
  GstCaps* caps = gst_pad_get_current_caps(pad);
  const bool video =
      caps != nullptr &&
      g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "video/");
  if (video && !gst_pad_is_linked(sink)) gst_pad_link(pad, sink);
  if (caps != nullptr) gst_caps_unref(caps);
  gst_object_unref(sink);
}

}  // namespace

struct ClipReader::State {
  std::string path;
  Owned<GstElement> pipeline;
  GstElement* sink = nullptr;  // owned by the pipeline
  GstClockTime duration = 0;

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorCode::kCorrupt, path + ": " + why);
  }

  void wait_until_ready() const {
    if (gst_element_get_state(pipeline.get(), nullptr, nullptr, kPatience) ==
        GST_STATE_CHANGE_SUCCESS)
      return;
    refuse("cannot be read or decoded as a video");
  }
};

ClipReader::ClipReader(const std::string& path) : state_(std::make_unique<State>()) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    throw Error(ErrorCode::kNotFound, path + ": no such file");
  gst_init(nullptr, nullptr);
  state_->path = path;
  state_->pipeline.reset(GST_ELEMENT(gst_object_ref_sink(gst_pipeline_new(nullptr))));
  GstElement* pipeline = state_->pipeline.get();
  GstElement* source = tools::make_element(pipeline, "filesrc");
  GstElement* decode = tools::make_element(pipeline, "decodebin");
  GstElement* convert = tools::make_element(pipeline, "videoconvert");
  state_->sink = tools::make_element(pipeline, "appsink");
  g_object_set(source, "location", path.c_str(), nullptr);
  GstCaps* caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "RGB", nullptr);
  g_object_set(state_->sink, "caps", caps, "sync", FALSE, "max-buffers", 1u, nullptr);
  gst_caps_unref(caps);
  if (!gst_element_link(source, decode) || !gst_element_link(convert, state_->sink))
    throw Error(ErrorCode::kInternal, "the elements that read a clip do not link");
  g_signal_connect(decode, "pad-added", G_CALLBACK(link_video), convert);
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  state_->wait_until_ready();
  gint64 duration = 0;
  if (!gst_element_query_duration(pipeline, GST_FORMAT_TIME, &duration) || duration <= 0)
    state_->refuse("does not tell how long it is");
  state_->duration = static_cast<GstClockTime>(duration);
}

ClipReader::~ClipReader() = default;

double ClipReader::seconds() const noexcept {
  return static_cast<double>(state_->duration) / GST_SECOND;
}

Image ClipReader::frame(double second) {
  const GstClockTime last =
      state_->duration > 2 * kLastFrame ? state_->duration - kLastFrame : state_->duration / 2;
  const auto wanted = static_cast<GstClockTime>(std::llround(std::max(0.0, second) * GST_SECOND));
  if (!gst_element_seek_simple(
          state_->pipeline.get(), GST_FORMAT_TIME,
          static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
          static_cast<gint64>(std::min(wanted, last)))) {
    state_->refuse("cannot be sought in");
  }
  state_->wait_until_ready();
  const Owned<GstSample> sample(
      gst_app_sink_try_pull_preroll(GST_APP_SINK(state_->sink), kPatience));
  if (!sample) state_->refuse("has no frame at " + std::to_string(second) + " s");
  GstVideoInfo info;
  GstVideoFrame frame;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample.get())) ||
      !gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample.get()), GST_MAP_READ)) {
    state_->refuse("has a frame that cannot be read");
  }
  Image image;
  image.width_px = GST_VIDEO_FRAME_WIDTH(&frame);
  image.height_px = GST_VIDEO_FRAME_HEIGHT(&frame);
  const auto row = static_cast<size_t>(image.width_px) * 3;
  image.rgb.resize(row * static_cast<size_t>(image.height_px));
  const auto* data = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
  for (int y = 0; y < image.height_px; ++y) {
    std::memcpy(image.rgb.data() + row * static_cast<size_t>(y),
                data + static_cast<ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), row);
  }
  gst_video_frame_unmap(&frame);
  return image;
}

}  // namespace m3::dataset
