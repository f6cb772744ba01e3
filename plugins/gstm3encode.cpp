/**
 * SECTION:element-m3encode
 * @title: m3encode
 *
 * Turns frames into visual tokens with the vision tower and projector of a model.
 *
 * Every frame gives one buffer with its PTS. Frames that m3scale does not want encoded give an
 * empty buffer with the GAP flag and the frame's metas; without m3scale every frame is encoded.
 * Frames are encoded on the engine's thread and leave in order on the element's own. The model is
 * loaded on a further thread from READY on, shared with every element of the process that has the
 * same options, and let go in NULL.
 *
 * The element adds no latency that others wait for: the pictures' path does not run through it, and
 * tokens are used when they are ready. When the engine falls behind, a live stream drops frames and
 * anything else waits (`when-busy`).
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 ! m3motion ! m3scale ! m3encode model=fake: ! m3pool !
 * m3llm question="What is it?" ! fakesink -m
 * ]|
 *
 * Reads: GstM3ScaleMeta. Passes on: GstM3ActivityMeta, GstM3ScaleMeta, reference timestamps.
 * Messages: PROGRESS with the code `load-model` while the model loads, QOS for every dropped frame,
 * one ERROR when the model cannot be had.
 *
 * Since: 0.1
 */
#include "plugins/gstm3encode.h"

#include <gst/video/video.h>

#include "plugins/encoder.h"
#include "plugins/glue.h"
#include "plugins/gstm3tokens.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_encode_debug);
#define GST_CAT_DEFAULT gst_m3_encode_debug

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_FRAME_CAPS));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_TOKENS_CAPS));

enum {
  PROP_0,
  PROP_MODEL,
  PROP_MMPROJ,
  PROP_DEVICE,
  PROP_DTYPE,
  PROP_THREADS,
  PROP_KEEP_SCALE,
  PROP_WHEN_BUSY
};

}  // namespace

struct _GstM3Encode {
  GstElement parent;
  m3::Encoder* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Encode, gst_m3_encode, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3encode, "m3encode", GST_RANK_NONE, GST_TYPE_M3_ENCODE,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_encode_debug, "m3encode", 0,
                                                              "frames to visual tokens"))

static void gst_m3_encode_set_property(GObject* object, guint id, const GValue* value,
                                       GParamSpec* spec) {
  bool known = true;
  GST_M3_ENCODE(object)->impl->change_settings([&](m3::EncodeSettings& settings) {
    switch (id) {
      case PROP_MODEL:
        settings.engine.model = m3::text_of(value);
        break;
      case PROP_MMPROJ:
        settings.mmproj = m3::text_of(value);
        break;
      case PROP_DEVICE:
        settings.engine.device = m3::text_of(value);
        break;
      case PROP_DTYPE:
        settings.engine.dtype = m3::text_of(value);
        break;
      case PROP_THREADS:
        settings.engine.threads = g_value_get_int(value);
        break;
      case PROP_KEEP_SCALE:
        settings.keep_scale = g_value_get_int(value);
        break;
      case PROP_WHEN_BUSY:
        settings.when_busy = static_cast<GstM3WhenBusy>(g_value_get_enum(value));
        break;
      default:
        known = false;
    }
  });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_m3_encode_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  const m3::EncodeSettings settings = GST_M3_ENCODE(object)->impl->settings();
  switch (id) {
    case PROP_MODEL:
      g_value_set_string(value, settings.engine.model.c_str());
      break;
    case PROP_MMPROJ:
      m3::set_text(value, settings.mmproj);
      break;
    case PROP_DEVICE:
      g_value_set_string(value, settings.engine.device.c_str());
      break;
    case PROP_DTYPE:
      g_value_set_string(value, settings.engine.dtype.c_str());
      break;
    case PROP_THREADS:
      g_value_set_int(value, settings.engine.threads);
      break;
    case PROP_KEEP_SCALE:
      g_value_set_int(value, settings.keep_scale);
      break;
    case PROP_WHEN_BUSY:
      g_value_set_enum(value, settings.when_busy);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static GstFlowReturn gst_m3_encode_chain(GstPad* pad, GstObject* parent, GstBuffer* buffer) {
  const GstFlowReturn flow = m3::guard(parent, __func__, GST_FLOW_ERROR, [&] {
    return GST_M3_ENCODE(parent)->impl->process(buffer);
  });
  gst_buffer_unref(buffer);
  return flow;
}

static gboolean gst_m3_encode_sink_event(GstPad* pad, GstObject* parent, GstEvent* event) {
  return m3::guard(parent, __func__, FALSE,
                   [&]() -> gboolean { return GST_M3_ENCODE(parent)->impl->take_event(event); });
}

static gboolean gst_m3_encode_sink_query(GstPad* pad, GstObject* parent, GstQuery* query) {
  if (m3::is_ladder_query(query)) {
    const auto answer = GST_M3_ENCODE(parent)->impl->ladder();
    if (answer) m3::answer_ladder_query(query, *answer);
    return answer.has_value();
  }
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_ALLOCATION:
      // Frames are read where they lie, in any layout, and none is held.
      gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
      gst_query_add_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, nullptr);
      return TRUE;
    case GST_QUERY_DRAIN:
      return TRUE;
    default:
      return gst_pad_query_default(pad, parent, query);
  }
}

static gboolean gst_m3_encode_src_activate_mode(GstPad* pad, GstObject* parent, GstPadMode mode,
                                                gboolean active) {
  return mode == GST_PAD_MODE_PUSH && GST_M3_ENCODE(parent)->impl->activate(active);
}

static GstStateChangeReturn gst_m3_encode_change_state(GstElement* element,
                                                       GstStateChange transition) {
  m3::Encoder& impl = *GST_M3_ENCODE(element)->impl;
  const bool ready = m3::guard(element, __func__, false, [&] {
    if (transition == GST_STATE_CHANGE_NULL_TO_READY) impl.load();
    return transition != GST_STATE_CHANGE_READY_TO_PAUSED || impl.start();
  });
  if (!ready) return GST_STATE_CHANGE_FAILURE;
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_m3_encode_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) impl.stop();
  if (transition == GST_STATE_CHANGE_READY_TO_NULL) impl.unload();
  return result;
}

static void gst_m3_encode_finalize(GObject* object) {
  delete GST_M3_ENCODE(object)->impl;
  G_OBJECT_CLASS(gst_m3_encode_parent_class)->finalize(object);
}

m3::Specs m3::encode_properties() {
  const EncodeSettings defaults;
  return {
      g_param_spec_string(
          "model", "Model",
          "The model: default, fake: (tests), random:CONFIG.json[,SEED] or a folder",
          defaults.engine.model.c_str(), kMutableReady),
      g_param_spec_string("mmproj", "Projector file",
                          "Projector of a language model in a .gguf file (none; such models are "
                          "refused by this version)",
                          nullptr, kMutableReady),
      g_param_spec_string("device", "Device", "Where the model runs: auto, cpu, cuda or cuda:N",
                          defaults.engine.device.c_str(), kMutableReady),
      g_param_spec_string("dtype", "Data type",
                          "What the model computes in: auto (the device's fastest), float32, "
                          "bfloat16 or, on CUDA, float16",
                          defaults.engine.dtype.c_str(), kMutableReady),
      g_param_spec_int("threads", "Threads", "Compute threads on the CPU (0 = all cores)", 0, 1024,
                       defaults.engine.threads, kMutableReady),
      g_param_spec_int("keep-scale", "Kept scale",
                       "Finest level kept of a frame, in visual tokens: a scale of the model's "
                       "ladder (more than its finest = the finest)",
                       1, 65536, defaults.keep_scale, kMutableReady),
      when_busy_property(),
  };
}

static void gst_m3_encode_class_init(GstM3EncodeClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_encode_set_property;
  object_class->get_property = gst_m3_encode_get_property;
  object_class->finalize = gst_m3_encode_finalize;
  m3::install(object_class, m3::encode_properties());

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = GST_DEBUG_FUNCPTR(gst_m3_encode_change_state);
  gst_element_class_set_static_metadata(
      element_class, "Visual token encoder", "Encoder/Video",
      "Turns frames into visual tokens with the vision tower of a model", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void gst_m3_encode_init(GstM3Encode* self) {
  GstPad* sink = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(sink, GST_DEBUG_FUNCPTR(gst_m3_encode_chain));
  gst_pad_set_event_function(sink, GST_DEBUG_FUNCPTR(gst_m3_encode_sink_event));
  gst_pad_set_query_function(sink, GST_DEBUG_FUNCPTR(gst_m3_encode_sink_query));
  gst_element_add_pad(GST_ELEMENT(self), sink);

  GstPad* src = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_activatemode_function(src, GST_DEBUG_FUNCPTR(gst_m3_encode_src_activate_mode));
  gst_element_add_pad(GST_ELEMENT(self), src);

  self->impl = new m3::Encoder(GST_ELEMENT(self), sink, src);
}
