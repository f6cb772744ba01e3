#include "plugins/gstm3codecmeta.h"

#include <gst/video/video.h>

#include <memory>
#include <new>

namespace {

gboolean gst_m3_codec_meta_init(GstMeta* meta, gpointer params, GstBuffer* buffer) {
  new (&reinterpret_cast<GstM3CodecMeta*>(meta)->motion) m3::CodecMotion;
  return TRUE;
}

void gst_m3_codec_meta_free(GstMeta* meta, GstBuffer* buffer) {
  std::destroy_at(&reinterpret_cast<GstM3CodecMeta*>(meta)->motion);
}

// A copy, also of a part of the bytes, and another size show the same scene; anything else (a warp,
// say) does not.
gboolean gst_m3_codec_meta_transform(GstBuffer* to, GstMeta* meta, GstBuffer* from, GQuark type,
                                     gpointer data) {
  if (!GST_META_TRANSFORM_IS_COPY(type) && !GST_VIDEO_META_TRANSFORM_IS_SCALE(type)) return FALSE;
  gst_buffer_add_m3_codec_meta(to)->motion = reinterpret_cast<GstM3CodecMeta*>(meta)->motion;
  return TRUE;
}

}  // namespace

GType gst_m3_codec_meta_api_get_type() {
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                nullptr};
  static const GType type = gst_meta_api_type_register("GstM3CodecMetaAPI", tags);
  return type;
}

const GstMetaInfo* gst_m3_codec_meta_get_info() {
  static const GstMetaInfo* const info = gst_meta_register(
      gst_m3_codec_meta_api_get_type(), "GstM3CodecMeta", sizeof(GstM3CodecMeta),
      gst_m3_codec_meta_init, gst_m3_codec_meta_free, gst_m3_codec_meta_transform);
  return info;
}

GstM3CodecMeta* gst_buffer_add_m3_codec_meta(GstBuffer* buffer) {
  GstMeta* meta = gst_buffer_get_meta(buffer, gst_m3_codec_meta_api_get_type());
  if (!meta) meta = gst_buffer_add_meta(buffer, gst_m3_codec_meta_get_info(), nullptr);
  return reinterpret_cast<GstM3CodecMeta*>(meta);
}

const GstM3CodecMeta* gst_buffer_get_m3_codec_meta(GstBuffer* buffer) {
  return reinterpret_cast<GstM3CodecMeta*>(
      gst_buffer_get_meta(buffer, gst_m3_codec_meta_api_get_type()));
}
