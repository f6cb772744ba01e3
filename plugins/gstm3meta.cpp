#include "plugins/gstm3meta.h"

#include <gst/video/video.h>

#include <new>
#include <utility>

namespace {

// Both metas hold for every copy of the frame, also a part of its bytes and another size; anything
// else (a warp, say) is a different picture.
bool survives(GQuark type) {
  return GST_META_TRANSFORM_IS_COPY(type) || GST_VIDEO_META_TRANSFORM_IS_SCALE(type);
}

gboolean gst_m3_activity_meta_init(GstMeta* meta, gpointer params, GstBuffer* buffer) {
  new (&reinterpret_cast<GstM3ActivityMeta*>(meta)->activity) m3::Activity;
  return TRUE;
}

void gst_m3_activity_meta_free(GstMeta* meta, GstBuffer* buffer) {
  std::destroy_at(&reinterpret_cast<GstM3ActivityMeta*>(meta)->activity);
}

gboolean gst_m3_activity_meta_transform(GstBuffer* to, GstMeta* meta, GstBuffer* from, GQuark type,
                                        gpointer data) {
  if (!survives(type)) return FALSE;
  gst_buffer_set_m3_activity(to, reinterpret_cast<GstM3ActivityMeta*>(meta)->activity);
  return TRUE;
}

gboolean gst_m3_scale_meta_init(GstMeta* meta, gpointer params, GstBuffer* buffer) {
  auto* scale = reinterpret_cast<GstM3ScaleMeta*>(meta);
  new (&scale->decision) m3::Decision;
  new (&scale->policy) std::shared_ptr<m3::ScalePolicy>;
  scale->granted_at_ns = m3::kNoTime;
  return TRUE;
}

void gst_m3_scale_meta_free(GstMeta* meta, GstBuffer* buffer) {
  auto* scale = reinterpret_cast<GstM3ScaleMeta*>(meta);
  std::destroy_at(&scale->policy);
  std::destroy_at(&scale->decision);
}

gboolean gst_m3_scale_meta_transform(GstBuffer* to, GstMeta* meta, GstBuffer* from, GQuark type,
                                     gpointer data) {
  if (!survives(type)) return FALSE;
  auto* scale = reinterpret_cast<GstM3ScaleMeta*>(meta);
  gst_buffer_set_m3_decision(to, scale->decision, scale->policy, scale->granted_at_ns);
  return TRUE;
}

}  // namespace

GType gst_m3_activity_meta_api_get_type() {
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                nullptr};
  static const GType type = gst_meta_api_type_register("GstM3ActivityMetaAPI", tags);
  return type;
}

const GstMetaInfo* gst_m3_activity_meta_get_info() {
  static const GstMetaInfo* const info = gst_meta_register(
      gst_m3_activity_meta_api_get_type(), "GstM3ActivityMeta", sizeof(GstM3ActivityMeta),
      gst_m3_activity_meta_init, gst_m3_activity_meta_free, gst_m3_activity_meta_transform);
  return info;
}

GType gst_m3_scale_meta_api_get_type() {
  static const gchar* tags[] = {GST_META_TAG_VIDEO_STR, nullptr};
  static const GType type = gst_meta_api_type_register("GstM3ScaleMetaAPI", tags);
  return type;
}

const GstMetaInfo* gst_m3_scale_meta_get_info() {
  static const GstMetaInfo* const info = gst_meta_register(
      gst_m3_scale_meta_api_get_type(), "GstM3ScaleMeta", sizeof(GstM3ScaleMeta),
      gst_m3_scale_meta_init, gst_m3_scale_meta_free, gst_m3_scale_meta_transform);
  return info;
}

GstM3ActivityMeta* gst_buffer_set_m3_activity(GstBuffer* buffer, const m3::Activity& activity) {
  GstMeta* meta = gst_buffer_get_meta(buffer, gst_m3_activity_meta_api_get_type());
  if (!meta) meta = gst_buffer_add_meta(buffer, gst_m3_activity_meta_get_info(), nullptr);
  auto* result = reinterpret_cast<GstM3ActivityMeta*>(meta);
  result->activity = activity;
  return result;
}

GstM3ScaleMeta* gst_buffer_set_m3_decision(GstBuffer* buffer, const m3::Decision& decision,
                                           std::shared_ptr<m3::ScalePolicy> policy,
                                           gint64 granted_at_ns) {
  GstMeta* meta = gst_buffer_get_meta(buffer, gst_m3_scale_meta_api_get_type());
  if (!meta) meta = gst_buffer_add_meta(buffer, gst_m3_scale_meta_get_info(), nullptr);
  auto* result = reinterpret_cast<GstM3ScaleMeta*>(meta);
  result->decision = decision;
  result->policy = std::move(policy);
  result->granted_at_ns = granted_at_ns;
  return result;
}

const GstM3ActivityMeta* gst_buffer_get_m3_activity(GstBuffer* buffer) {
  return reinterpret_cast<GstM3ActivityMeta*>(
      gst_buffer_get_meta(buffer, gst_m3_activity_meta_api_get_type()));
}

const GstM3ScaleMeta* gst_buffer_get_m3_decision(GstBuffer* buffer) {
  return reinterpret_cast<GstM3ScaleMeta*>(
      gst_buffer_get_meta(buffer, gst_m3_scale_meta_api_get_type()));
}
