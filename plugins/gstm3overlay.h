// m3overlay: draws scale, reason, activity and the current answer on the picture.
#pragma once

#include <gst/video/gstvideofilter.h>

#define GST_TYPE_M3_OVERLAY (gst_m3_overlay_get_type())
G_DECLARE_FINAL_TYPE(GstM3Overlay, gst_m3_overlay, GST, M3_OVERLAY, GstVideoFilter)
GST_ELEMENT_REGISTER_DECLARE(m3overlay)
