/**
 * SECTION:element-m3scale
 * @title: m3scale
 *
 * Decides for each frame whether the vision tower looks at it and how many visual tokens it may
 * have, within a token budget, and attaches the decision as GstM3ScaleMeta.
 *
 * The pictures pass unchanged and uncopied. Put m3motion before it: without measured activity every
 * frame that is looked at counts as full of motion and detail. The scales come from the model that
 * m3encode downstream has loaded.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 pattern=ball ! m3motion ! m3scale fps=5 budget=100 !
 * fakesink
 * ]|
 *
 * Reads: GstM3ActivityMeta. Adds: GstM3ScaleMeta. Messages: QOS when frames get fewer tokens than
 * they would with more budget or a faster model, and when that changes; its quality is their part
 * in 1,000,000.
 *
 * Since: 0.1
 */
#include "plugins/gstm3scale.h"

#include "plugins/glue.h"
#include "plugins/scaler.h"

GST_DEBUG_CATEGORY(gst_m3_scale_debug);
#define GST_CAT_DEFAULT gst_m3_scale_debug

namespace {

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
                                                             GST_STATIC_CAPS("video/x-raw(ANY)"));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS("video/x-raw(ANY)"));

enum {
  PROP_0,
  PROP_FPS,
  PROP_SCALE,
  PROP_BUDGET,
  PROP_BURST,
  PROP_BUDGET_GROUP,
  PROP_CROPS,
  PROP_ACTIVITY_LOG
};

}  // namespace

struct _GstM3Scale {
  GstBaseTransform parent;
  m3::Scaler* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Scale, gst_m3_scale, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3scale, "m3scale", GST_RANK_NONE, GST_TYPE_M3_SCALE,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_scale_debug, "m3scale", 0,
                                                              "visual tokens of frames"))

static void gst_m3_scale_set_property(GObject* object, guint id, const GValue* value,
                                      GParamSpec* spec) {
  bool known = true;
  GST_M3_SCALE(object)->impl->change_settings([&](m3::ScaleSettings& settings) {
    switch (id) {
      case PROP_FPS:
        settings.fps = g_value_get_double(value);
        break;
      case PROP_SCALE:
        settings.scale = m3::text_of(value);
        break;
      case PROP_BUDGET:
        settings.budget = g_value_get_double(value);
        break;
      case PROP_BURST:
        settings.burst = g_value_get_double(value);
        break;
      case PROP_BUDGET_GROUP:
        settings.budget_group = m3::text_of(value);
        break;
      case PROP_CROPS:
        settings.crops = g_value_get_boolean(value);
        break;
      case PROP_ACTIVITY_LOG:
        settings.activity_log = m3::text_of(value);
        break;
      default:
        known = false;
    }
  });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_m3_scale_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  const m3::ScaleSettings settings = GST_M3_SCALE(object)->impl->settings();
  switch (id) {
    case PROP_FPS:
      g_value_set_double(value, settings.fps);
      break;
    case PROP_SCALE:
      g_value_set_string(value, settings.scale.c_str());
      break;
    case PROP_BUDGET:
      g_value_set_double(value, settings.budget);
      break;
    case PROP_BURST:
      g_value_set_double(value, settings.burst);
      break;
    case PROP_BUDGET_GROUP:
      m3::set_text(value, settings.budget_group);
      break;
    case PROP_CROPS:
      g_value_set_boolean(value, settings.crops);
      break;
    case PROP_ACTIVITY_LOG:
      m3::set_text(value, settings.activity_log);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static gboolean gst_m3_scale_start(GstBaseTransform* transform) {
  return m3::guard(transform, __func__, FALSE, [&] {
    GST_M3_SCALE(transform)->impl->start();
    return TRUE;
  });
}

static gboolean gst_m3_scale_stop(GstBaseTransform* transform) {
  GST_M3_SCALE(transform)->impl->stop();
  return TRUE;
}

static gboolean gst_m3_scale_set_caps(GstBaseTransform* transform, GstCaps* in, GstCaps* out) {
  GST_M3_SCALE(transform)->impl->set_caps(in);
  return TRUE;
}

static gboolean gst_m3_scale_sink_event(GstBaseTransform* transform, GstEvent* event) {
  m3::Scaler& impl = *GST_M3_SCALE(transform)->impl;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
      impl.begin_stream();
      break;
    case GST_EVENT_FLUSH_STOP:
      impl.forget();
      break;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment = nullptr;
      gst_event_parse_segment(event, &segment);
      impl.set_segment(*segment);
      break;
    }
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_m3_scale_parent_class)->sink_event(transform, event);
}

static gboolean gst_m3_scale_src_event(GstBaseTransform* transform, GstEvent* event) {
  if (const auto load = m3::load_in(event)) {
    GST_M3_SCALE(transform)->impl->set_load(*load);
    gst_event_unref(event);
    return TRUE;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_m3_scale_parent_class)->src_event(transform, event);
}

static GstFlowReturn gst_m3_scale_transform_ip(GstBaseTransform* transform, GstBuffer* buffer) {
  return m3::guard(transform, __func__, GST_FLOW_ERROR, [&] {
    GST_M3_SCALE(transform)->impl->process(buffer);
    return GST_FLOW_OK;
  });
}

static void gst_m3_scale_finalize(GObject* object) {
  delete GST_M3_SCALE(object)->impl;
  G_OBJECT_CLASS(gst_m3_scale_parent_class)->finalize(object);
}

m3::Specs m3::scale_properties() {
  const ScaleSettings defaults;
  return {
      g_param_spec_double("fps", "Frames a second",
                          "How many frames a second of stream time are looked at (0 = every frame)",
                          0, 1000, defaults.fps, m3::kMutablePlaying),
      g_param_spec_string("scale", "Scale",
                          "Visual tokens of a frame: auto (by motion, detail and budget) or a "
                          "number of the model's scale ladder, such as 1, 9, 36 or 144",
                          defaults.scale.c_str(), m3::kMutablePlaying),
      g_param_spec_double(
          "budget", "Token budget",
          "Visual tokens that may be spent per second of stream time (0 = no limit)", 0, 1e6,
          defaults.budget, m3::kMutablePlaying),
      g_param_spec_double("burst", "Burst",
                          "Visual tokens that can be saved up in quiet times (0 = ten seconds of "
                          "budget, but one frame of the finest scale at least)",
                          0, 1e9, defaults.burst, m3::kMutablePlaying),
      g_param_spec_string("budget-group", "Budget group",
                          "Name of a group of streams in this process that share one budget "
                          "(none = a budget of its own)",
                          nullptr, m3::kMutablePlaying),
      g_param_spec_boolean("crops", "Crops",
                           "Give frames in which something small moves a closer look at it beside "
                           "the whole, where the budget holds it",
                           defaults.crops, m3::kMutablePlaying),
      g_param_spec_string("activity-log", "Activity log",
                          "File that the activity of every frame looked at is written into, for "
                          "m3-replay (none = no log)",
                          nullptr, m3::kMutableReady),
  };
}

static void gst_m3_scale_class_init(GstM3ScaleClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_scale_set_property;
  object_class->get_property = gst_m3_scale_get_property;
  object_class->finalize = gst_m3_scale_finalize;
  m3::install(object_class, m3::scale_properties());

  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  transform_class->start = GST_DEBUG_FUNCPTR(gst_m3_scale_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_m3_scale_stop);
  transform_class->set_caps = GST_DEBUG_FUNCPTR(gst_m3_scale_set_caps);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_m3_scale_sink_event);
  transform_class->src_event = GST_DEBUG_FUNCPTR(gst_m3_scale_src_event);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_m3_scale_transform_ip);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "Visual token scale", "Filter/Analyzer/Video",
      "Decides how many visual tokens each frame gets within a token budget", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void gst_m3_scale_init(GstM3Scale* self) {
  self->impl = new m3::Scaler(GST_BASE_TRANSFORM(self));
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
  gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}
