// What the codec told about a frame: picture type, packet size and, where its decoder shows them,
// motion vectors. Made by m3avdec. It describes the picture as it was decoded and stays true for
// every copy of it, also at another size: the grid carries the size that it belongs to. Threads: as
// any GstMeta, written only while the buffer is writable.
#pragma once

#include <gst/gst.h>

#include "core/codec_motion.h"

// Tags: video, orientation (the grid knows left from right).
struct GstM3CodecMeta {
  GstMeta meta;  // NOLINT(cppcoreguidelines-pro-type-member-init): GStreamer fills it in
  m3::CodecMotion motion;
};

GType gst_m3_codec_meta_api_get_type();
const GstMetaInfo* gst_m3_codec_meta_get_info();

// The buffer's meta, made empty when it has none; the caller fills it in place. The buffer must be
// writable.
GstM3CodecMeta* gst_buffer_add_m3_codec_meta(GstBuffer* buffer);
// nullptr when the buffer has none.
const GstM3CodecMeta* gst_buffer_get_m3_codec_meta(GstBuffer* buffer);
