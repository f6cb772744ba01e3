// make_element: an element of GStreamer's own plug-ins, in a pipeline. Threads: a free function.
#pragma once

#include <gst/gst.h>

#include <string>

#include "core/error.h"

namespace m3::tools {

// The pipeline owns it. Throws kNotFound when there is no such element.
inline GstElement* make_element(GstElement* pipeline, const char* factory) {
  GstElement* element = gst_element_factory_make(factory, nullptr);
  if (element == nullptr) {
    throw Error(ErrorCode::kNotFound, std::string("there is no element ") + factory +
                                          ": install gstreamer1.0-plugins-base");
  }
  gst_bin_add(GST_BIN(pipeline), element);
  return element;
}

}  // namespace m3::tools
