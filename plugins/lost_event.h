// The downstream event m3-lost, with which m3encode tells m3llm of frames for which there is no
// buffer any more: a live stream does not wait for an engine that stands still (it loads, or
// hangs), and what queues up behind it is bounded. Threads: values and free functions; the event
// travels in order with the buffers.
#pragma once

#include <gst/gst.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/frame.h"

namespace m3 {

struct LostFrames {
  uint64_t sampled_out = 0;
  uint64_t reused = 0;
  uint64_t dropped = 0;       // the tower should have looked at them
  int64_t from_ns = kNoTime;  // stream time at which the first begins; kNoTime: not known
  int64_t to_ns = kNoTime;    // and the last one ends

  void add(const LostFrames& more) {
    sampled_out += more.sampled_out;
    reused += more.reused;
    dropped += more.dropped;
    if (from_ns == kNoTime) from_ns = more.from_ns;
    if (more.to_ns != kNoTime) to_ns = std::max(to_ns, more.to_ns);
  }
};

inline GstEvent* new_lost_event(const LostFrames& lost) {
  return gst_event_new_custom(
      GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("m3-lost", "sampled-out", G_TYPE_UINT64, lost.sampled_out, "reused",
                        G_TYPE_UINT64, lost.reused, "dropped", G_TYPE_UINT64, lost.dropped, "from",
                        G_TYPE_INT64, lost.from_ns, "to", G_TYPE_INT64, lost.to_ns, nullptr));
}

// None when the event is another one.
inline std::optional<LostFrames> lost_in(GstEvent* event) {
  if (GST_EVENT_TYPE(event) != GST_EVENT_CUSTOM_DOWNSTREAM || !gst_event_has_name(event, "m3-lost"))
    return std::nullopt;
  const GstStructure* fields = gst_event_get_structure(event);
  guint64 sampled_out = 0;
  guint64 reused = 0;
  guint64 dropped = 0;
  gint64 from_ns = kNoTime;
  gint64 to_ns = kNoTime;
  gst_structure_get_uint64(fields, "sampled-out", &sampled_out);
  gst_structure_get_uint64(fields, "reused", &reused);
  gst_structure_get_uint64(fields, "dropped", &dropped);
  gst_structure_get_int64(fields, "from", &from_ns);
  gst_structure_get_int64(fields, "to", &to_ns);
  return LostFrames{sampled_out, reused, dropped, from_ns, to_ns};
}

}  // namespace m3
