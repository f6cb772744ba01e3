// Metas that travel with a frame from m3motion and m3scale to m3llm. Both describe the whole
// picture's content, so they stay true when its size, format or memory changes: they survive queue,
// tee, videoconvert and videoscale. Threads: as any GstMeta, written only while the buffer is
// writable.
#pragma once

#include <gst/gst.h>

#include <memory>

#include "core/scale_policy.h"

// What m3motion saw. Tags: video, orientation (the signature knows up from down).
struct GstM3ActivityMeta {
  GstMeta meta;  // NOLINT(cppcoreguidelines-pro-type-member-init): GStreamer fills it in
  m3::Activity activity;
};

// What m3scale decided.  Tags: video.
struct GstM3ScaleMeta {
  GstMeta meta;  // NOLINT(cppcoreguidelines-pro-type-member-init): GStreamer fills it in
  m3::Decision decision;
  // Who granted the tokens and at which stream time: where those that are not shown go back to. May
  // be null.
  std::shared_ptr<m3::ScalePolicy> policy;
  gint64 granted_at_ns;
};

GType gst_m3_activity_meta_api_get_type();
const GstMetaInfo* gst_m3_activity_meta_get_info();
GType gst_m3_scale_meta_api_get_type();
const GstMetaInfo* gst_m3_scale_meta_get_info();

// The buffer's meta, made when it has none. The buffer must be writable.
GstM3ActivityMeta* gst_buffer_set_m3_activity(GstBuffer* buffer, const m3::Activity& activity);
GstM3ScaleMeta* gst_buffer_set_m3_decision(GstBuffer* buffer, const m3::Decision& decision,
                                           std::shared_ptr<m3::ScalePolicy> policy,
                                           gint64 granted_at_ns);

// nullptr when the buffer has none.
const GstM3ActivityMeta* gst_buffer_get_m3_activity(GstBuffer* buffer);
const GstM3ScaleMeta* gst_buffer_get_m3_decision(GstBuffer* buffer);
