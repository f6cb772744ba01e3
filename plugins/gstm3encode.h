// m3encode: turns frames into visual tokens with the model's vision tower and projector.
#pragma once

#include <gst/gst.h>

#include "plugins/properties.h"

#define GST_TYPE_M3_ENCODE (gst_m3_encode_get_type())
G_DECLARE_FINAL_TYPE(GstM3Encode, gst_m3_encode, GST, M3_ENCODE, GstElement)
GST_ELEMENT_REGISTER_DECLARE(m3encode)

namespace m3 {
Specs encode_properties();
}  // namespace m3
