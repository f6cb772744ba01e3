// m3scale: decides for each frame whether the vision tower looks at it and how many visual tokens
// it may have, and attaches the decision as GstM3ScaleMeta.
#pragma once

#include <gst/base/gstbasetransform.h>

#include "plugins/properties.h"

#define GST_TYPE_M3_SCALE (gst_m3_scale_get_type())
G_DECLARE_FINAL_TYPE(GstM3Scale, gst_m3_scale, GST, M3_SCALE, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE(m3scale)

namespace m3 {
Specs scale_properties();
}  // namespace m3
