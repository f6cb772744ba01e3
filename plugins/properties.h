// Properties of the elements: how they may change, and lists of specs that m3qa shows as its own.
// Threads: class initialisation.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

namespace m3 {

// Floating specs in the order of their ids, the first of which is 1.
using Specs = std::vector<GParamSpec*>;

// May change in NULL and READY; takes effect with the next start.
inline constexpr auto kMutableReady = static_cast<GParamFlags>(
    int{G_PARAM_READWRITE} | int{G_PARAM_STATIC_STRINGS} | int{GST_PARAM_MUTABLE_READY});
// May change at any time; takes effect with the next frame or question.
inline constexpr auto kMutablePlaying = static_cast<GParamFlags>(
    int{G_PARAM_READWRITE} | int{G_PARAM_STATIC_STRINGS} | int{GST_PARAM_MUTABLE_PLAYING});
inline constexpr auto kReadOnly =
    static_cast<GParamFlags>(int{G_PARAM_READABLE} | int{G_PARAM_STATIC_STRINGS});

inline void install(GObjectClass* klass, const Specs& specs) {
  guint id = 1;
  for (GParamSpec* spec : specs) g_object_class_install_property(klass, id++, spec);
}

// A string value's text; none: empty.
inline const char* text_of(const GValue* value) {
  const gchar* text = g_value_get_string(value);
  return text ? text : "";
}

// Empty texts read back as NULL, as they were before anything was set.
inline void set_text(GValue* value, const std::string& text) {
  g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

}  // namespace m3
