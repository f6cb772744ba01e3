// m3pool: sets the scale that each frame's tokens show.
#pragma once

#include <gst/base/gstbasetransform.h>

#define GST_TYPE_M3_POOL (gst_m3_pool_get_type())
G_DECLARE_FINAL_TYPE(GstM3Pool, gst_m3_pool, GST, M3_POOL, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE(m3pool)
