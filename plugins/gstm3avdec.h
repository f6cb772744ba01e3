// m3avdec: decodes video with FFmpeg and attaches what the codec tells about each frame as
// GstM3CodecMeta.
#pragma once

#include <gst/video/gstvideodecoder.h>

#define GST_TYPE_M3_AVDEC (gst_m3_avdec_get_type())
G_DECLARE_FINAL_TYPE(GstM3Avdec, gst_m3_avdec, GST, M3_AVDEC, GstVideoDecoder)
GST_ELEMENT_REGISTER_DECLARE(m3avdec)
