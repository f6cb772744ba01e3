// when-busy: what m3encode and m3llm do with a frame when the engine cannot take it.
// Threads: class initialisation; values.
#pragma once

#include <gst/gst.h>

typedef enum {
  GST_M3_WHEN_BUSY_AUTO,  // a live pipeline drops, anything else waits
  GST_M3_WHEN_BUSY_WAIT,
  GST_M3_WHEN_BUSY_DROP,
} GstM3WhenBusy;

#define GST_TYPE_M3_WHEN_BUSY (gst_m3_when_busy_get_type())
GType gst_m3_when_busy_get_type();

namespace m3 {

GParamSpec* when_busy_property();

}  // namespace m3
