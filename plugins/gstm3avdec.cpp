/**
 * SECTION:element-m3avdec
 * @title: m3avdec
 *
 * Decodes video with FFmpeg and attaches what the codec tells about each frame as GstM3CodecMeta:
 * the type of picture, its compressed size and, for H.264 and MPEG, its motion vectors.
 *
 * It takes H.264, H.265, AV1, VP9, VP8, MPEG-4 part 2, MPEG-1/2 and Motion JPEG, as far as the
 * FFmpeg that it was built with decodes them. What the codec has found out about motion while
 * encoding costs next to nothing to read. Where there are no vectors (other codecs, B pictures of
 * MPEG-4 part 2, hardware that decodes), the meta has picture type and size only.
 *
 * Broken packets are concealed, counted and warned about; `max-errors` in a row without a picture
 * between them end the stream. Pictures with concealed holes have the flag CORRUPTED. Buffers that
 * other pictures are predicted from are read-only memory of the decoder; an element that draws gets
 * a copy by itself.
 *
 * Its rank is NONE, so nothing plugs it unasked. To have decodebin3 and playbin choose it, set
 * GST_PLUGIN_FEATURE_RANK=m3avdec:MAX in the environment.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.mp4 ! qtdemux ! h264parse ! m3avdec ! m3motion ! fakesink
 * ]|
 *
 * Adds: GstM3CodecMeta. Messages: warnings (broken packets; hardware that was asked for and does
 * not decode).
 *
 * Since: 0.1
 */
#include "plugins/gstm3avdec.h"

#include "plugins/avdec/av_codecs.h"
#include "plugins/avdec/av_formats.h"
#include "plugins/avdec/avdec.h"
#include "plugins/glue.h"
#include "plugins/properties.h"

GST_DEBUG_CATEGORY(gst_m3_avdec_debug);
#define GST_CAT_DEFAULT gst_m3_avdec_debug

namespace {

// Consecutive broken packets: ten seconds of a camera whose key frame was lost.
constexpr int kMaxErrors = 300;

enum {
  PROP_0,
  PROP_MAX_THREADS,
  PROP_MOTION_VECTORS,
  PROP_HWACCEL,
  PROP_MAX_ERRORS,
  PROP_STATS,
};

GstStructure* stats_structure(const m3::AvdecStats& stats) {
  return gst_structure_new("m3avdec-stats",                                      //
                           "packets", G_TYPE_UINT64, stats.packets,              //
                           "packet-bytes", G_TYPE_UINT64, stats.packet_bytes,    //
                           "frames", G_TYPE_UINT64, stats.frames,                //
                           "vector-frames", G_TYPE_UINT64, stats.vector_frames,  //
                           "corrupted", G_TYPE_UINT64, stats.corrupted,          //
                           "errors", G_TYPE_UINT64, stats.errors,                //
                           "unshown", G_TYPE_UINT64, stats.unshown,              //
                           "skipped", G_TYPE_UINT64, stats.skipped,              //
                           "codec", G_TYPE_STRING, stats.codec.c_str(),          //
                           "hwaccel", G_TYPE_STRING,
                           stats.hwaccel.empty() ? "none" : stats.hwaccel.c_str(),  //
                           "threads", G_TYPE_INT, stats.threads, nullptr);
}

}  // namespace

#define GST_TYPE_M3_VECTOR_EXPORT (gst_m3_vector_export_get_type())
static GType gst_m3_vector_export_get_type() {
  static const GEnumValue values[] = {
      {static_cast<gint>(m3::VectorExport::kAuto), "Where the codec has them and software decodes",
       "auto"},
      {static_cast<gint>(m3::VectorExport::kOn),
       "As auto, and software decodes a codec that has them whatever hwaccel says", "on"},
      {static_cast<gint>(m3::VectorExport::kOff), "Never", "off"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstM3VectorExport", values);
  return type;
}

#define GST_TYPE_M3_HWACCEL (gst_m3_hwaccel_get_type())
static GType gst_m3_hwaccel_get_type() {
  static const GEnumValue values[] = {
      {static_cast<gint>(m3::Hardware::kNone), "Software decodes", "none"},
      {static_cast<gint>(m3::Hardware::kAuto), "The first of the others that is there", "auto"},
      {static_cast<gint>(m3::Hardware::kCuda), "NVIDIA's NVDEC", "cuda"},
      {static_cast<gint>(m3::Hardware::kVaapi), "VA-API (Intel, AMD)", "vaapi"},
      {static_cast<gint>(m3::Hardware::kVdpau), "VDPAU (older NVIDIA, with X11)", "vdpau"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstM3Hwaccel", values);
  return type;
}

struct _GstM3Avdec {
  GstVideoDecoder parent;
  m3::Avdec* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Avdec, gst_m3_avdec, GST_TYPE_VIDEO_DECODER)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3avdec, "m3avdec", GST_RANK_NONE, GST_TYPE_M3_AVDEC,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_avdec_debug, "m3avdec", 0,
                                                              "decoding by FFmpeg"))

static void gst_m3_avdec_set_property(GObject* object, guint id, const GValue* value,
                                      GParamSpec* spec) {
  m3::Avdec& impl = *GST_M3_AVDEC(object)->impl;
  m3::AvdecSettings settings = impl.settings();
  switch (id) {
    case PROP_MAX_THREADS:
      settings.max_threads = g_value_get_int(value);
      break;
    case PROP_MOTION_VECTORS:
      settings.motion_vectors = static_cast<m3::VectorExport>(g_value_get_enum(value));
      break;
    case PROP_HWACCEL:
      settings.hwaccel = static_cast<m3::Hardware>(g_value_get_enum(value));
      break;
    case PROP_MAX_ERRORS:
      gst_video_decoder_set_max_errors(GST_VIDEO_DECODER(object), g_value_get_int(value));
      return;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
      return;
  }
  impl.set_settings(settings);
}

static void gst_m3_avdec_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  const m3::Avdec& impl = *GST_M3_AVDEC(object)->impl;
  const m3::AvdecSettings settings = impl.settings();
  switch (id) {
    case PROP_MAX_THREADS:
      g_value_set_int(value, settings.max_threads);
      break;
    case PROP_MOTION_VECTORS:
      g_value_set_enum(value, static_cast<gint>(settings.motion_vectors));
      break;
    case PROP_HWACCEL:
      g_value_set_enum(value, static_cast<gint>(settings.hwaccel));
      break;
    case PROP_MAX_ERRORS:
      g_value_set_int(value, gst_video_decoder_get_max_errors(GST_VIDEO_DECODER(object)));
      break;
    case PROP_STATS:
      g_value_take_boxed(value, stats_structure(impl.stats()));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static gboolean gst_m3_avdec_start(GstVideoDecoder* decoder) {
  return m3::guard(decoder, __func__, FALSE, [&] {
    GST_M3_AVDEC(decoder)->impl->start();
    return TRUE;
  });
}

static gboolean gst_m3_avdec_stop(GstVideoDecoder* decoder) {
  GST_M3_AVDEC(decoder)->impl->stop();
  return TRUE;
}

static gboolean gst_m3_avdec_set_format(GstVideoDecoder* decoder, GstVideoCodecState* state) {
  return m3::guard(decoder, __func__, FALSE, [&] {
    GST_M3_AVDEC(decoder)->impl->set_format(state);
    return TRUE;
  });
}

static GstFlowReturn gst_m3_avdec_handle_frame(GstVideoDecoder* decoder,
                                               GstVideoCodecFrame* frame) {
  return m3::guard(decoder, __func__, GST_FLOW_ERROR,
                   [&] { return GST_M3_AVDEC(decoder)->impl->decode(frame); });
}

static GstFlowReturn gst_m3_avdec_drain(GstVideoDecoder* decoder) {
  return m3::guard(decoder, __func__, GST_FLOW_ERROR,
                   [&] { return GST_M3_AVDEC(decoder)->impl->drain(); });
}

static gboolean gst_m3_avdec_flush(GstVideoDecoder* decoder) {
  GST_M3_AVDEC(decoder)->impl->flush();
  return TRUE;
}

static gboolean gst_m3_avdec_decide_allocation(GstVideoDecoder* decoder, GstQuery* query) {
  if (!GST_VIDEO_DECODER_CLASS(gst_m3_avdec_parent_class)->decide_allocation(decoder, query)) {
    return FALSE;
  }
  GST_M3_AVDEC(decoder)->impl->decide_allocation(query);
  return TRUE;
}

static void gst_m3_avdec_finalize(GObject* object) {
  delete GST_M3_AVDEC(object)->impl;
  G_OBJECT_CLASS(gst_m3_avdec_parent_class)->finalize(object);
}

static void gst_m3_avdec_class_init(GstM3AvdecClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_avdec_set_property;
  object_class->get_property = gst_m3_avdec_get_property;
  object_class->finalize = gst_m3_avdec_finalize;

  const m3::AvdecSettings defaults;
  m3::install(
      object_class,
      {
          g_param_spec_int(
              "max-threads", "Threads",
              "Threads that decode; 0: as many as there are cores, at most 16. In a live "
              "pipeline they share each picture, elsewhere they also work on several "
              "pictures at once",
              0, 256, defaults.max_threads, m3::kMutableReady),
          g_param_spec_enum(
              "motion-vectors", "Motion vectors",
              "Whether frames carry the codec's motion vectors. H.264, MPEG-4 (not its B "
              "pictures) and MPEG-1/2 have them when software decodes",
              GST_TYPE_M3_VECTOR_EXPORT, static_cast<gint>(defaults.motion_vectors),
              m3::kMutableReady),
          g_param_spec_enum(
              "hwaccel", "Hardware",
              "Hardware that decodes; its pictures are copied to system memory and have no "
              "motion vectors. Where it is missing or does not take the stream, one warning "
              "is posted and software decodes",
              GST_TYPE_M3_HWACCEL, static_cast<gint>(defaults.hwaccel), m3::kMutableReady),
          g_param_spec_int(
              "max-errors", "Errors in a row",
              "Broken packets in a row, no picture between them, that are concealed before "
              "the stream ends with an error; -1: any number",
              -1, G_MAXINT, kMaxErrors, m3::kMutablePlaying),
          g_param_spec_boxed("stats", "Statistics",
                             "Since the element was started: packets, packet-bytes, frames, "
                             "vector-frames (with motion "
                             "vectors), corrupted (frames with concealed holes), errors, unshown "
                             "(packets that were no "
                             "picture of their own), skipped (left out because frames came too "
                             "late); codec, hwaccel and "
                             "threads as they are in use",
                             GST_TYPE_STRUCTURE, m3::kReadOnly),
      });
  gst_type_mark_as_plugin_api(GST_TYPE_M3_VECTOR_EXPORT, static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(GST_TYPE_M3_HWACCEL, static_cast<GstPluginAPIFlags>(0));

  auto* decoder_class = GST_VIDEO_DECODER_CLASS(klass);
  decoder_class->start = GST_DEBUG_FUNCPTR(gst_m3_avdec_start);
  decoder_class->stop = GST_DEBUG_FUNCPTR(gst_m3_avdec_stop);
  decoder_class->set_format = GST_DEBUG_FUNCPTR(gst_m3_avdec_set_format);
  decoder_class->handle_frame = GST_DEBUG_FUNCPTR(gst_m3_avdec_handle_frame);
  decoder_class->finish = GST_DEBUG_FUNCPTR(gst_m3_avdec_drain);
  decoder_class->drain = GST_DEBUG_FUNCPTR(gst_m3_avdec_drain);
  decoder_class->flush = GST_DEBUG_FUNCPTR(gst_m3_avdec_flush);
  decoder_class->decide_allocation = GST_DEBUG_FUNCPTR(gst_m3_avdec_decide_allocation);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "FFmpeg video decoder", "Codec/Decoder/Video",
      "Decodes video with FFmpeg and attaches motion vectors, picture type and packet size",
      M3_AUTHOR);
  GstCaps* encoded = m3::new_encoded_caps();
  GstCaps* raw = m3::new_raw_caps();
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, encoded));
  gst_element_class_add_pad_template(element_class,
                                     gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, raw));
  gst_caps_unref(encoded);
  gst_caps_unref(raw);
}

static void gst_m3_avdec_init(GstM3Avdec* self) {
  auto* decoder = GST_VIDEO_DECODER(self);
  self->impl = new m3::Avdec(decoder);
  gst_video_decoder_set_packetized(decoder, TRUE);
  gst_video_decoder_set_needs_format(decoder, TRUE);
  gst_video_decoder_set_max_errors(decoder, kMaxErrors);
  gst_video_decoder_set_use_default_pad_acceptcaps(decoder, TRUE);
  GST_PAD_SET_ACCEPT_TEMPLATE(GST_VIDEO_DECODER_SINK_PAD(decoder));
}
