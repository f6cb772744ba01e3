// m3motion: measures each frame's activity and attaches it as GstM3ActivityMeta.
#pragma once

#include <gst/base/gstbasetransform.h>

#include "plugins/properties.h"

#define GST_TYPE_M3_MOTION (gst_m3_motion_get_type())
G_DECLARE_FINAL_TYPE(GstM3Motion, gst_m3_motion, GST, M3_MOTION, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE(m3motion)

namespace m3 {
// The properties that m3qa has too.
Specs motion_properties();
}  // namespace m3
