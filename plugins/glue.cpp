#include "plugins/glue.h"

#include <string>

namespace m3 {
namespace {

struct Place {
  GQuark domain;
  int code;
};

Place place_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS};
    case ErrorCode::kNotFound:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND};
    case ErrorCode::kCorrupt:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ};
    case ErrorCode::kUnsupported:
      return {GST_STREAM_ERROR, GST_STREAM_ERROR_NOT_IMPLEMENTED};
    case ErrorCode::kOutOfMemory:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT};
    case ErrorCode::kDevice:
      return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED};
    case ErrorCode::kMismatch:
      return {GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT};
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal:
      break;
  }
  return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED};
}

PixelFormat format_of(const GstVideoInfo& info) {
  switch (GST_VIDEO_INFO_FORMAT(&info)) {
    case GST_VIDEO_FORMAT_I420:
      return PixelFormat::kI420;
    case GST_VIDEO_FORMAT_NV12:
      return PixelFormat::kNv12;
    case GST_VIDEO_FORMAT_RGB:
      return PixelFormat::kRgb;
    default:
      throw Error(ErrorCode::kUnsupported,
                  std::string("Video format ") +
                      gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info)) +
                      " is not one of " M3_FRAME_FORMATS "; put videoconvert before the element");
  }
}

Colorimetry color_of(const GstVideoInfo& info) {
  Colorimetry color;
  const GstVideoColorimetry& given = info.colorimetry;
  // Matrices other than BT.601 are those of HD and later pictures, which BT.709 is closest to.
  const bool sd = given.matrix == GST_VIDEO_COLOR_MATRIX_BT601 ||
                  given.matrix == GST_VIDEO_COLOR_MATRIX_FCC ||
                  (given.matrix == GST_VIDEO_COLOR_MATRIX_UNKNOWN && info.height < 720);
  color.matrix = sd ? YuvMatrix::kBt601 : YuvMatrix::kBt709;
  color.full_range = given.range == GST_VIDEO_COLOR_RANGE_0_255;
  return color;
}

}  // namespace

void post_error(GstElement* element, const char* where, const Error& error) {
  if (error.code() == ErrorCode::kCancelled) {
    GST_DEBUG_OBJECT(element, "%s: %s", where, error.what());
    return;
  }
  const Place place = place_of(error.code());
  gst_element_message_full(element, GST_MESSAGE_ERROR, place.domain, place.code,
                           g_strdup(error.what()), g_strdup(where), __FILE__, where, __LINE__);
}

void post_error(GstElement* element, const char* where, const std::exception& error) {
  post_error(element, where, Error(ErrorCode::kInternal, error.what()));
}

MappedFrame::MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, int64_t pts_ns) {
  // NO_REF: the caller's reference outlives us, and a second one would make the buffer unwritable
  // meanwhile.
  const auto flags =
      static_cast<GstMapFlags>(int{GST_MAP_READ} | int{GST_VIDEO_FRAME_MAP_FLAG_NO_REF});
  if (!gst_video_frame_map(&frame_, &info, buffer, flags)) {
    throw Error(ErrorCode::kInvalidArgument,
                "A buffer of " + std::to_string(gst_buffer_get_size(buffer)) +
                    " bytes cannot be read as " + std::to_string(info.width) + "x" +
                    std::to_string(info.height) + " " +
                    gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info)) +
                    "; its size does not fit its caps");
  }
  // From here on the destructor does not run when something throws, so nothing below does.
  view_.format = format_of(info);
  view_.width_px = GST_VIDEO_FRAME_WIDTH(&frame_);
  view_.height_px = GST_VIDEO_FRAME_HEIGHT(&frame_);
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(&frame_); ++i) {
    view_.planes[i].data = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame_, i));
    view_.planes[i].stride_bytes = GST_VIDEO_FRAME_PLANE_STRIDE(&frame_, i);
  }
  view_.color = color_of(info);
  if (const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(buffer)) {
    view_.crop = {static_cast<int>(crop->x), static_cast<int>(crop->y),
                  static_cast<int>(crop->width), static_cast<int>(crop->height)};
  }
  view_.pts_ns = pts_ns;
}

MappedFrame::~MappedFrame() { gst_video_frame_unmap(&frame_); }

GstVideoInfo video_info_of(const GstCaps* caps) {
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, caps)) {
    throw Error(ErrorCode::kUnsupported, "The caps are not raw video in system memory");
  }
  format_of(info);
  return info;
}

bool is_live(GstPad* sink) {
  GstQuery* query = gst_query_new_latency();
  gboolean live = FALSE;
  if (gst_pad_peer_query(sink, query)) gst_query_parse_latency(query, &live, nullptr, nullptr);
  gst_query_unref(query);
  return live;
}

}  // namespace m3
