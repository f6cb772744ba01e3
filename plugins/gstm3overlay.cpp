/**
 * SECTION:element-m3overlay
 * @title: m3overlay
 *
 * Draws on each picture how many visual tokens it got and why, how much moves and where, and the
 * current answer.
 *
 * Scale and activity are read from the metas of m3scale and m3motion, so it stands anywhere behind
 * them, also behind m3qa's `src`. The answer is the property `text`, or whatever came last on the
 * request pad `text`, for instance from m3qa's pad of the same name. Pictures of any format that
 * GStreamer blends are drawn on in place.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=100 pattern=ball ! m3qa name=qa model=fake:
 * question="What?" interval=1 qa.src ! m3overlay name=over ! videoconvert ! fakesink qa.text !
 * over.text
 * ]|
 *
 * Reads: GstM3ActivityMeta, GstM3ScaleMeta. Messages: none.
 *
 * Since: 0.1
 */
#include "plugins/gstm3overlay.h"

#include "plugins/glue.h"
#include "plugins/overlay.h"
#include "plugins/properties.h"
#include "plugins/text_pad.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_overlay_debug);
#define GST_CAT_DEFAULT gst_m3_overlay_debug

namespace {

#define M3_OVERLAY_CAPS GST_VIDEO_CAPS_MAKE(GST_VIDEO_OVERLAY_COMPOSITION_BLEND_FORMATS)

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_OVERLAY_CAPS));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_OVERLAY_CAPS));
GstStaticPadTemplate text_template = GST_STATIC_PAD_TEMPLATE(
    "text", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS("text/x-raw, format = (string) utf8"));

enum { PROP_0, PROP_TEXT, PROP_SHOW_SCALE, PROP_SHOW_HEAT, PROP_FONT_SIZE };

}  // namespace

struct _GstM3Overlay {
  GstVideoFilter parent;
  m3::Overlay* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Overlay, gst_m3_overlay, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3overlay, "m3overlay", GST_RANK_NONE, GST_TYPE_M3_OVERLAY,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_overlay_debug, "m3overlay", 0,
                                                              "scale and answers on the picture"))

static void gst_m3_overlay_set_property(GObject* object, guint id, const GValue* value,
                                        GParamSpec* spec) {
  bool known = true;
  GST_M3_OVERLAY(object)->impl->change_settings([&](m3::OverlaySettings& settings) {
    switch (id) {
      case PROP_TEXT:
        settings.text = m3::one_text(m3::text_of(value));
        break;
      case PROP_SHOW_SCALE:
        settings.show_scale = g_value_get_boolean(value);
        break;
      case PROP_SHOW_HEAT:
        settings.show_heat = g_value_get_boolean(value);
        break;
      case PROP_FONT_SIZE:
        settings.font_size = g_value_get_int(value);
        break;
      default:
        known = false;
    }
  });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_m3_overlay_get_property(GObject* object, guint id, GValue* value,
                                        GParamSpec* spec) {
  const m3::OverlaySettings settings = GST_M3_OVERLAY(object)->impl->settings();
  switch (id) {
    case PROP_TEXT:
      m3::set_text(value, settings.text);
      break;
    case PROP_SHOW_SCALE:
      g_value_set_boolean(value, settings.show_scale);
      break;
    case PROP_SHOW_HEAT:
      g_value_set_boolean(value, settings.show_heat);
      break;
    case PROP_FONT_SIZE:
      g_value_set_int(value, settings.font_size);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static gboolean gst_m3_overlay_sink_event(GstBaseTransform* transform, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START ||
      GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) {
    GST_M3_OVERLAY(transform)->impl->forget();
  }
  return GST_BASE_TRANSFORM_CLASS(gst_m3_overlay_parent_class)->sink_event(transform, event);
}

static gboolean gst_m3_overlay_stop(GstBaseTransform* transform) {
  GST_M3_OVERLAY(transform)->impl->forget();
  return TRUE;
}

static GstFlowReturn gst_m3_overlay_transform_frame_ip(GstVideoFilter* filter,
                                                       GstVideoFrame* frame) {
  return m3::guard(filter, __func__, GST_FLOW_ERROR, [&] {
    GST_M3_OVERLAY(filter)->impl->draw(frame);
    return GST_FLOW_OK;
  });
}

static GstPad* gst_m3_overlay_request_new_pad(GstElement* element, GstPadTemplate* templ,
                                              const gchar* name, const GstCaps* caps) {
  if (GstPad* existing = gst_element_get_static_pad(element, "text")) {
    gst_object_unref(existing);
    return nullptr;
  }
  // The element outlives its pads.
  m3::Overlay* impl = GST_M3_OVERLAY(element)->impl;
  GstPad* pad = m3::new_text_pad(templ, [impl](const std::string& text, int64_t) {
    impl->change_settings([&](m3::OverlaySettings& settings) { settings.text = text; });
  });
  gst_pad_set_active(pad, TRUE);
  gst_element_add_pad(element, pad);
  return pad;
}

static void gst_m3_overlay_release_pad(GstElement* element, GstPad* pad) {
  gst_pad_set_active(pad, FALSE);
  gst_element_remove_pad(element, pad);
}

static void gst_m3_overlay_finalize(GObject* object) {
  delete GST_M3_OVERLAY(object)->impl;
  G_OBJECT_CLASS(gst_m3_overlay_parent_class)->finalize(object);
}

static void gst_m3_overlay_class_init(GstM3OverlayClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_overlay_set_property;
  object_class->get_property = gst_m3_overlay_get_property;
  object_class->finalize = gst_m3_overlay_finalize;
  const m3::OverlaySettings defaults;
  m3::install(
      object_class,
      {g_param_spec_string("text", "Text",
                           "The answer that is shown, three lines of it at most; texts on the pad "
                           "text replace it (none = nothing)",
                           nullptr, m3::kMutablePlaying),
       g_param_spec_boolean("show-scale", "Show the scale",
                            "Visual tokens of the frame last looked at, why, and how much motion "
                            "and detail there is",
                            defaults.show_scale, m3::kMutablePlaying),
       g_param_spec_boolean("show-heat", "Show the heat", "Colour where something moves",
                            defaults.show_heat, m3::kMutablePlaying),
       g_param_spec_int("font-size", "Font size",
                        "Height of letters in pixels, 4 to 400 (0 = a 26th of the picture's "
                        "height)",
                        0, 400, defaults.font_size, m3::kMutablePlaying)});

  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_m3_overlay_sink_event);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_m3_overlay_stop);
  GST_VIDEO_FILTER_CLASS(klass)->transform_frame_ip =
      GST_DEBUG_FUNCPTR(gst_m3_overlay_transform_frame_ip);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->request_new_pad = GST_DEBUG_FUNCPTR(gst_m3_overlay_request_new_pad);
  element_class->release_pad = GST_DEBUG_FUNCPTR(gst_m3_overlay_release_pad);
  gst_element_class_set_static_metadata(
      element_class, "Visual token overlay", "Filter/Editor/Video",
      "Draws scale, reason, activity and the current answer on the picture", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_add_static_pad_template(element_class, &text_template);
}

static void gst_m3_overlay_init(GstM3Overlay* self) { self->impl = new m3::Overlay; }
