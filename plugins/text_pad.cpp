#include "plugins/text_pad.h"

#include <utility>

#include "plugins/frame_time.h"

namespace m3 {
namespace {

struct TextPad {
  TextFn take;
  FrameTime time;  // streaming thread only
};

TextPad& of(GstPad* pad) { return *static_cast<TextPad*>(gst_pad_get_element_private(pad)); }

GstFlowReturn chain(GstPad* pad, GstObject* parent, GstBuffer* buffer) {
  std::string text;
  GstMapInfo map;
  if (gst_buffer_map(buffer, &map, GST_MAP_READ)) {
    const std::string bytes(reinterpret_cast<const char*>(map.data), map.size);
    gst_buffer_unmap(buffer, &map);
    text = one_text(bytes.c_str());
  }
  TextPad& self = of(pad);
  const int64_t at_ns =
      GST_BUFFER_PTS_IS_VALID(buffer) ? self.time.stream_time(GST_BUFFER_PTS(buffer)) : kNoTime;
  gst_buffer_unref(buffer);
  if (!text.empty()) self.take(text, at_ns);
  return GST_FLOW_OK;
}

gboolean event(GstPad* pad, GstObject* parent, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
    const GstSegment* segment = nullptr;
    gst_event_parse_segment(event, &segment);
    of(pad).time.set_segment(*segment);
  }
  gst_event_unref(event);
  return TRUE;
}

GstIterator* no_links(GstPad* pad, GstObject* parent) { return nullptr; }

}  // namespace

GstPad* new_text_pad(GstPadTemplate* templ, TextFn take) {
  GstPad* pad = gst_pad_new_from_template(templ, GST_PAD_TEMPLATE_NAME_TEMPLATE(templ));
  auto* self = new TextPad{std::move(take), {}};
  gst_pad_set_element_private(pad, self);
  g_object_set_data_full(G_OBJECT(pad), "m3-text-pad", self,
                         [](gpointer data) { delete static_cast<TextPad*>(data); });
  gst_pad_set_chain_function(pad, GST_DEBUG_FUNCPTR(chain));
  gst_pad_set_event_function(pad, GST_DEBUG_FUNCPTR(event));
  gst_pad_set_iterate_internal_links_function(pad, GST_DEBUG_FUNCPTR(no_links));
  return pad;
}

std::string one_text(const gchar* text) {
  if (!text) return {};
  gchar* valid = g_utf8_make_valid(text, -1);
  g_strchomp(valid);
  std::string result = valid;
  g_free(valid);
  return result;
}

}  // namespace m3
