// The upstream event m3-load, with which m3encode and m3llm tell m3scale of a live stream how busy
// the engine is with what each of them gives it. Threads: free functions; the event travels on the
// thread that sends it.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string_view>

namespace m3 {

// Who is told about: frames on their way through the tower, or into the window.
enum class LoadOf { kTower, kWindow };

struct Load {
  LoadOf of = LoadOf::kTower;
  double load = 0;  // 0 (idle) .. 1 (frames are being dropped)
};

inline GstEvent* new_load_event(const Load& load) {
  return gst_event_new_custom(
      GST_EVENT_CUSTOM_UPSTREAM,
      gst_structure_new("m3-load", "load", G_TYPE_DOUBLE, load.load, "of", G_TYPE_STRING,
                        load.of == LoadOf::kTower ? "tower" : "window", nullptr));
}

// None when the event is another one.
inline std::optional<Load> load_in(GstEvent* event) {
  gdouble load = 0;
  if (GST_EVENT_TYPE(event) != GST_EVENT_CUSTOM_UPSTREAM || !gst_event_has_name(event, "m3-load") ||
      !gst_structure_get_double(gst_event_get_structure(event), "load", &load)) {
    return std::nullopt;
  }
  const gchar* of = gst_structure_get_string(gst_event_get_structure(event), "of");
  const bool window = of != nullptr && std::string_view(of) == "window";
  return Load{window ? LoadOf::kWindow : LoadOf::kTower, load};
}

}  // namespace m3
