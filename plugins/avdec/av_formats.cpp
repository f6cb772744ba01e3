#include "plugins/avdec/av_formats.h"

#include <algorithm>
#include <iterator>
#include <string>

extern "C" {
#include <libavutil/pixdesc.h>
}

#include "core/error.h"

namespace m3 {
namespace {

constexpr int kFastest = 1000;  // frames a second; a stream that tells more is mistaken

struct Format {
  AVPixelFormat av;
  GstVideoFormat gst;
};

// Equal memory on both sides, plane by plane.
constexpr Format kFormats[] = {
    {AV_PIX_FMT_YUV420P, GST_VIDEO_FORMAT_I420},
    {AV_PIX_FMT_YUVJ420P, GST_VIDEO_FORMAT_I420},
    {AV_PIX_FMT_NV12, GST_VIDEO_FORMAT_NV12},
    {AV_PIX_FMT_NV21, GST_VIDEO_FORMAT_NV21},
    {AV_PIX_FMT_NV16, GST_VIDEO_FORMAT_NV16},
    {AV_PIX_FMT_NV24, GST_VIDEO_FORMAT_NV24},
    {AV_PIX_FMT_YUV422P, GST_VIDEO_FORMAT_Y42B},
    {AV_PIX_FMT_YUVJ422P, GST_VIDEO_FORMAT_Y42B},
    {AV_PIX_FMT_YUV444P, GST_VIDEO_FORMAT_Y444},
    {AV_PIX_FMT_YUVJ444P, GST_VIDEO_FORMAT_Y444},
    {AV_PIX_FMT_YUV411P, GST_VIDEO_FORMAT_Y41B},
    {AV_PIX_FMT_YUVJ411P, GST_VIDEO_FORMAT_Y41B},
    {AV_PIX_FMT_YUV410P, GST_VIDEO_FORMAT_YUV9},
    {AV_PIX_FMT_GRAY8, GST_VIDEO_FORMAT_GRAY8},
    {AV_PIX_FMT_GBRP, GST_VIDEO_FORMAT_GBR},
    {AV_PIX_FMT_RGB24, GST_VIDEO_FORMAT_RGB},
    {AV_PIX_FMT_BGR24, GST_VIDEO_FORMAT_BGR},
    {AV_PIX_FMT_BGRA, GST_VIDEO_FORMAT_BGRA},
    {AV_PIX_FMT_BGR0, GST_VIDEO_FORMAT_BGRx},
    {AV_PIX_FMT_YUVA420P, GST_VIDEO_FORMAT_A420},
    {AV_PIX_FMT_GRAY16LE, GST_VIDEO_FORMAT_GRAY16_LE},
    {AV_PIX_FMT_YUV420P10LE, GST_VIDEO_FORMAT_I420_10LE},
    {AV_PIX_FMT_YUV422P10LE, GST_VIDEO_FORMAT_I422_10LE},
    {AV_PIX_FMT_YUV444P10LE, GST_VIDEO_FORMAT_Y444_10LE},
    {AV_PIX_FMT_P010LE, GST_VIDEO_FORMAT_P010_10LE},
    {AV_PIX_FMT_P016LE, GST_VIDEO_FORMAT_P016_LE},
    {AV_PIX_FMT_GBRP10LE, GST_VIDEO_FORMAT_GBR_10LE},
    {AV_PIX_FMT_YUV420P12LE, GST_VIDEO_FORMAT_I420_12LE},
    {AV_PIX_FMT_YUV422P12LE, GST_VIDEO_FORMAT_I422_12LE},
    {AV_PIX_FMT_YUV444P12LE, GST_VIDEO_FORMAT_Y444_12LE},
    {AV_PIX_FMT_GBRP12LE, GST_VIDEO_FORMAT_GBR_12LE},
};

GstVideoChromaSite chroma_site_of(AVChromaLocation location) {
  switch (location) {
    case AVCHROMA_LOC_LEFT:
      return GST_VIDEO_CHROMA_SITE_MPEG2;
    case AVCHROMA_LOC_CENTER:
      return GST_VIDEO_CHROMA_SITE_JPEG;
    case AVCHROMA_LOC_TOPLEFT:
      return GST_VIDEO_CHROMA_SITE_DV;
    case AVCHROMA_LOC_TOP:
      return GST_VIDEO_CHROMA_SITE_V_COSITED;
    default:
      return GST_VIDEO_CHROMA_SITE_UNKNOWN;
  }
}

GstVideoColorRange color_range_of(AVColorRange range) {
  switch (range) {
    case AVCOL_RANGE_JPEG:
      return GST_VIDEO_COLOR_RANGE_0_255;
    case AVCOL_RANGE_MPEG:
      return GST_VIDEO_COLOR_RANGE_16_235;
    default:
      return GST_VIDEO_COLOR_RANGE_UNKNOWN;
  }
}

// What `given` leaves open is taken from the frame.
GstVideoColorimetry colorimetry_of(const AVFrame& frame, GstVideoColorimetry given) {
  if (given.range == GST_VIDEO_COLOR_RANGE_UNKNOWN) {
    given.range = color_range_of(frame.color_range);
  }
  if (given.matrix == GST_VIDEO_COLOR_MATRIX_UNKNOWN) {
    given.matrix = gst_video_color_matrix_from_iso(frame.colorspace);
  }
  if (given.transfer == GST_VIDEO_TRANSFER_UNKNOWN) {
    given.transfer = gst_video_transfer_function_from_iso(frame.color_trc);
  }
  if (given.primaries == GST_VIDEO_COLOR_PRIMARIES_UNKNOWN) {
    given.primaries = gst_video_color_primaries_from_iso(frame.color_primaries);
  }
  return given;
}

bool is_square(int numerator, int denominator) {
  return numerator <= 0 || denominator <= 0 || numerator == denominator;
}

}  // namespace

GstCaps* new_raw_caps() {
  GValue names = G_VALUE_INIT;
  g_value_init(&names, GST_TYPE_LIST);
  GstVideoFormat last = GST_VIDEO_FORMAT_UNKNOWN;
  for (const Format& format : kFormats) {
    if (format.gst == last) continue;  // the full-range twin of the one before
    last = format.gst;
    GValue name = G_VALUE_INIT;
    g_value_init(&name, G_TYPE_STRING);
    g_value_set_static_string(&name, gst_video_format_to_string(format.gst));
    gst_value_list_append_and_take_value(&names, &name);
  }
  GstCaps* caps = gst_caps_from_string(
      "video/x-raw, width=(int)[ 1, max ], height=(int)[ 1, max ], "
      "framerate=(fraction)[ 0, max ]");
  gst_caps_set_value(caps, "format", &names);
  g_value_unset(&names);
  GstCaps* fields = gst_caps_copy(caps);
  gst_caps_set_features(fields, 0,
                        gst_caps_features_new(GST_CAPS_FEATURE_FORMAT_INTERLACED, nullptr));
  gst_caps_set_simple(fields, "interlace-mode", G_TYPE_STRING, "alternate", nullptr);
  gst_caps_append(caps, fields);
  return caps;
}

GstVideoFormat video_format_of(int av_pixel_format) {
  const auto* found = std::find_if(std::begin(kFormats), std::end(kFormats),
                                   [&](const Format& f) { return f.av == av_pixel_format; });
  return found == std::end(kFormats) ? GST_VIDEO_FORMAT_UNKNOWN : found->gst;
}

bool is_interlaced(const AVFrame& frame) {
#ifdef AV_FRAME_FLAG_INTERLACED
  return frame.flags & AV_FRAME_FLAG_INTERLACED;
#else
  return frame.interlaced_frame;
#endif
}

bool top_field_first(const AVFrame& frame) {
#ifdef AV_FRAME_FLAG_TOP_FIELD_FIRST
  return frame.flags & AV_FRAME_FLAG_TOP_FIELD_FIRST;
#else
  return frame.top_field_first;
#endif
}

bool is_key_frame(const AVFrame& frame) {
#ifdef AV_FRAME_FLAG_KEY
  return frame.flags & AV_FRAME_FLAG_KEY;
#else
  return frame.key_frame;
#endif
}

bool is_corrupted(const AVFrame& frame) {
  return (frame.flags & AV_FRAME_FLAG_CORRUPT) || frame.decode_error_flags;
}

void InterlaceHistory::add(const AVFrame& frame) {
  if (!is_interlaced(frame)) {
    progressive_ = true;
  } else {
    (top_field_first(frame) ? top_first_ : bottom_first_) = true;
    repeated_ = repeated_ || frame.repeat_pict > 0;
  }
}

GstVideoInterlaceMode InterlaceHistory::mode() const {
  if (!top_first_ && !bottom_first_) return GST_VIDEO_INTERLACE_MODE_PROGRESSIVE;
  const bool differed = progressive_ || repeated_ || (top_first_ && bottom_first_);
  return differed ? GST_VIDEO_INTERLACE_MODE_MIXED : GST_VIDEO_INTERLACE_MODE_INTERLEAVED;
}

GstVideoFieldOrder InterlaceHistory::field_order() const {
  if (mode() != GST_VIDEO_INTERLACE_MODE_INTERLEAVED) return GST_VIDEO_FIELD_ORDER_UNKNOWN;
  return top_first_ ? GST_VIDEO_FIELD_ORDER_TOP_FIELD_FIRST
                    : GST_VIDEO_FIELD_ORDER_BOTTOM_FIELD_FIRST;
}

GstVideoInfo picture_info(const AVFrame& frame, const GstVideoCodecState& encoded,
                          const InterlaceHistory& interlace, bool one_field,
                          AVRational stream_rate) {
  const GstVideoFormat format = video_format_of(frame.format);
  if (format == GST_VIDEO_FORMAT_UNKNOWN) {
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
    throw Error(ErrorCode::kUnsupported,
                std::string("GStreamer has no video format for FFmpeg's pixel format ") +
                    (name ? name : "of this stream") + "; encode the video in another one");
  }
  const GstStructure* caps = gst_caps_get_structure(encoded.caps, 0);
  const bool caps_interlace = gst_structure_has_field(caps, "interlace-mode");
  GstVideoInterlaceMode mode = caps_interlace ? encoded.info.interlace_mode : interlace.mode();
  if (one_field) mode = GST_VIDEO_INTERLACE_MODE_ALTERNATE;
  const bool fields = mode == GST_VIDEO_INTERLACE_MODE_ALTERNATE;

  GstVideoInfo info;
  gst_video_info_set_interlaced_format(&info, format, mode, frame.width,
                                       fields ? 2 * frame.height : frame.height);
  if (mode == GST_VIDEO_INTERLACE_MODE_INTERLEAVED) {
    GST_VIDEO_INFO_FIELD_ORDER(&info) =
        caps_interlace ? GST_VIDEO_INFO_FIELD_ORDER(&encoded.info) : interlace.field_order();
  }
  GST_VIDEO_INFO_MULTIVIEW_MODE(&info) = GST_VIDEO_INFO_MULTIVIEW_MODE(&encoded.info);
  GST_VIDEO_INFO_MULTIVIEW_FLAGS(&info) = GST_VIDEO_INFO_MULTIVIEW_FLAGS(&encoded.info);
  info.views = encoded.info.views;

  const GstVideoColorimetry unknown{};
  info.colorimetry = colorimetry_of(
      frame, gst_structure_has_field(caps, "colorimetry") ? encoded.info.colorimetry : unknown);
  info.chroma_site = gst_structure_has_field(caps, "chroma-site")
                         ? encoded.info.chroma_site
                         : chroma_site_of(frame.chroma_location);

  // A container's ratio other than 1:1 was set on purpose.
  const AVRational ratio = frame.sample_aspect_ratio;
  if (!is_square(encoded.info.par_n, encoded.info.par_d)) {
    info.par_n = encoded.info.par_n;
    info.par_d = encoded.info.par_d;
  } else if (!is_square(ratio.num, ratio.den)) {
    info.par_n = ratio.num;
    info.par_d = ratio.den;
  }

  const bool rate_known = encoded.info.fps_n > 0 && encoded.info.fps_d > 0;
  if (rate_known || GST_VIDEO_INFO_FLAG_IS_SET(&encoded.info, GST_VIDEO_FLAG_VARIABLE_FPS)) {
    info.fps_n = encoded.info.fps_n;
    info.fps_d = encoded.info.fps_d;
    info.flags =
        static_cast<GstVideoFlags>(info.flags | (encoded.info.flags & GST_VIDEO_FLAG_VARIABLE_FPS));
  } else if (stream_rate.num > 0 && stream_rate.den > 0 &&
             stream_rate.num / stream_rate.den <= kFastest) {
    info.fps_n = stream_rate.num;
    info.fps_d = stream_rate.den;
  }
  return info;
}

}  // namespace m3
