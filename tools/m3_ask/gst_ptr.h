// Owners of GStreamer's and GLib's objects.
// Threads: as the objects themselves.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace m3::ask {

struct GstDeleter {
  void operator()(GstElement* element) const { gst_object_unref(element); }
  void operator()(GstBus* bus) const { gst_object_unref(bus); }
  void operator()(GstPad* pad) const { gst_object_unref(pad); }
  void operator()(GstPlugin* plugin) const { gst_object_unref(plugin); }
  void operator()(GstElementFactory* factory) const { gst_object_unref(factory); }
  void operator()(GstMessage* message) const { gst_message_unref(message); }
  void operator()(GstStructure* structure) const { gst_structure_free(structure); }
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
  void operator()(GstEvent* event) const { gst_event_unref(event); }
  void operator()(GError* error) const { g_error_free(error); }
  void operator()(gchar* text) const { g_free(text); }
};

template <typename T>
using GstPtr = std::unique_ptr<T, GstDeleter>;

}  // namespace m3::ask
