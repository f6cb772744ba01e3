// The upstream event m3-load, with which m3encode tells m3scale of a live stream how busy the
// engine is. Threads: free functions; the event travels on the thread that sends it.
#pragma once

#include <gst/gst.h>

#include <optional>

namespace m3 {

// load: 0 (idle) .. 1 (frames are being dropped).
inline GstEvent* new_load_event(double load) {
  return gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
                              gst_structure_new("m3-load", "load", G_TYPE_DOUBLE, load, nullptr));
}

// None when the event is another one.
inline std::optional<double> load_in(GstEvent* event) {
  gdouble load = 0;
  if (GST_EVENT_TYPE(event) != GST_EVENT_CUSTOM_UPSTREAM || !gst_event_has_name(event, "m3-load") ||
      !gst_structure_get_double(gst_event_get_structure(event), "load", &load)) {
    return std::nullopt;
  }
  return load;
}

}  // namespace m3
