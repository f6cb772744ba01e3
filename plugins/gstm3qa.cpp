/**
 * SECTION:element-m3qa
 * @title: m3qa
 *
 * Answers questions about a video that passes through: a bin of m3motion, m3scale, m3encode, m3pool
 * and m3llm.
 *
 * `src` is the same video as `sink`, not delayed by the model; it may stay unlinked. Answers come
 * as messages, and as text or JSON buffers on the request pad `text`. The pipeline's EOS waits
 * until every question is answered. All properties and signals of the elements inside are the bin's
 * own.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 ! m3qa model=fake: question="What?" ! fakesink -m
 * ]|
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 ! m3qa name=qa model=fake: question="What?" qa.src !
 * fakesink qa.text ! application/json ! fdsink
 * ]|
 *
 * Messages: those of m3encode and m3llm.
 *
 * Since: 0.1
 */
#include "plugins/gstm3qa.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "plugins/glue.h"
#include "plugins/gstm3encode.h"
#include "plugins/gstm3llm.h"
#include "plugins/gstm3motion.h"
#include "plugins/gstm3pool.h"
#include "plugins/gstm3scale.h"
#include "plugins/llm_properties.h"
#include "plugins/question_signals.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_qa_debug);
#define GST_CAT_DEFAULT gst_m3_qa_debug

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_FRAME_CAPS));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_FRAME_CAPS));
GstStaticPadTemplate text_template = GST_STATIC_PAD_TEMPLATE(
    "text", GST_PAD_SRC, GST_PAD_REQUEST,
    GST_STATIC_CAPS("text/x-raw, format = (string) utf8; application/json"));
GstStaticPadTemplate question_template =
    GST_STATIC_PAD_TEMPLATE("question", GST_PAD_SINK, GST_PAD_REQUEST,
                            GST_STATIC_CAPS("text/x-raw, format = (string) utf8"));

// The specs of all elements inside; a name that several have (when-busy) once.
m3::Specs all_properties() {
  m3::Specs all;
  for (const m3::Specs& specs : {m3::encode_properties(), m3::scale_properties(),
                                 m3::motion_properties(), m3::llm_properties()}) {
    for (GParamSpec* spec : specs) {
      const bool known = std::any_of(all.begin(), all.end(), [spec](const GParamSpec* other) {
        return std::strcmp(spec->name, other->name) == 0;
      });
      if (known) {
        g_param_spec_ref_sink(spec);
        g_param_spec_unref(spec);
      } else {
        all.push_back(spec);
      }
    }
  }
  return all;
}

}  // namespace

struct _GstM3Qa {
  GstBin parent;
  // Constant after construction. We hold them too: request pads are released when the bin has let
  // go of its children.
  GstElement* encode;
  GstElement* motion;
  GstElement* scale;
  GstElement* llm;
  GstElement* text_tee;  // nullptr when GStreamer's core elements are not there
};

G_DEFINE_FINAL_TYPE(GstM3Qa, gst_m3_qa, GST_TYPE_BIN)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3qa, "m3qa", GST_RANK_NONE, GST_TYPE_M3_QA,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_qa_debug, "m3qa", 0,
                                                              "questions about video"))

static std::array<GstElement*, 4> gst_m3_qa_children_with_properties(GstM3Qa* self) {
  return {self->encode, self->scale, self->llm, self->motion};
}

static void gst_m3_qa_set_property(GObject* object, guint id, const GValue* value,
                                   GParamSpec* spec) {
  for (GstElement* child : gst_m3_qa_children_with_properties(GST_M3_QA(object))) {
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(child), spec->name)) {
      g_object_set_property(G_OBJECT(child), spec->name, value);
    }
  }
}

static void gst_m3_qa_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  for (GstElement* child : gst_m3_qa_children_with_properties(GST_M3_QA(object))) {
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(child), spec->name)) {
      g_object_get_property(G_OBJECT(child), spec->name, value);
      return;
    }
  }
}

static gchar* gst_m3_qa_ask(GstM3Qa* self, const gchar* text) {
  gchar* id = nullptr;
  g_signal_emit_by_name(self->llm, "ask", text, &id);
  return id;
}

static gchar* gst_m3_qa_ask_at(GstM3Qa* self, const gchar* text, guint64 at, guint64 every) {
  gchar* id = nullptr;
  g_signal_emit_by_name(self->llm, "ask-at", text, at, every, &id);
  return id;
}

static gboolean gst_m3_qa_cancel(GstM3Qa* self, const gchar* id) {
  gboolean cancelled = FALSE;
  g_signal_emit_by_name(self->llm, "cancel", id, &cancelled);
  return cancelled;
}

// A ghost of `target` (taken), made from the template.
static GstPad* gst_m3_qa_add_ghost(GstElement* self, GstPadTemplate* templ, GstPad* target) {
  GstPad* ghost =
      gst_ghost_pad_new_from_template(GST_PAD_TEMPLATE_NAME_TEMPLATE(templ), target, templ);
  gst_object_unref(target);
  gst_pad_set_active(ghost, TRUE);
  gst_element_add_pad(self, ghost);
  return ghost;
}

static GstPad* gst_m3_qa_request_new_pad(GstElement* element, GstPadTemplate* templ,
                                         const gchar* name, const GstCaps* caps) {
  GstM3Qa* self = GST_M3_QA(element);
  const gchar* wanted = GST_PAD_TEMPLATE_NAME_TEMPLATE(templ);
  GstPad* existing = gst_element_get_static_pad(element, wanted);
  if (existing) {
    gst_object_unref(existing);
    return nullptr;
  }
  const bool text = std::strcmp(wanted, "text") == 0;
  if (text && !self->text_tee) return nullptr;
  GstPad* target = text ? gst_element_request_pad_simple(self->text_tee, "src_%u")
                        : gst_element_request_pad_simple(self->llm, "question");
  return gst_m3_qa_add_ghost(element, templ, target);
}

static void gst_m3_qa_release_pad(GstElement* element, GstPad* pad) {
  GstM3Qa* self = GST_M3_QA(element);
  GstPad* target = gst_ghost_pad_get_target(GST_GHOST_PAD(pad));
  const bool text = gst_pad_get_direction(pad) == GST_PAD_SRC;
  gst_pad_set_active(pad, FALSE);
  gst_element_remove_pad(element, pad);
  if (!target) return;  // the bin is being disposed of: its children are gone already
  gst_element_release_request_pad(text ? self->text_tee : self->llm, target);
  gst_object_unref(target);
}

static GstStateChangeReturn gst_m3_qa_change_state(GstElement* element, GstStateChange transition) {
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !GST_M3_QA(element)->text_tee) {
    GST_ELEMENT_ERROR(element, CORE, MISSING_PLUGIN,
                      ("The elements tee, queue and fakesink are missing; install GStreamer's core "
                       "elements or set GST_PLUGIN_PATH"),
                      (nullptr));
    return GST_STATE_CHANGE_FAILURE;
  }
  return GST_ELEMENT_CLASS(gst_m3_qa_parent_class)->change_state(element, transition);
}

static void gst_m3_qa_finalize(GObject* object) {
  GstM3Qa* self = GST_M3_QA(object);
  for (GstElement* held : {self->encode, self->motion, self->scale, self->llm, self->text_tee}) {
    if (held) gst_object_unref(held);
  }
  G_OBJECT_CLASS(gst_m3_qa_parent_class)->finalize(object);
}

static void gst_m3_qa_class_init(GstM3QaClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_qa_set_property;
  object_class->get_property = gst_m3_qa_get_property;
  object_class->finalize = gst_m3_qa_finalize;
  m3::install(object_class, all_properties());
  m3::install_question_signals(object_class, G_CALLBACK(gst_m3_qa_ask),
                               G_CALLBACK(gst_m3_qa_ask_at), G_CALLBACK(gst_m3_qa_cancel));

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->request_new_pad = GST_DEBUG_FUNCPTR(gst_m3_qa_request_new_pad);
  element_class->release_pad = GST_DEBUG_FUNCPTR(gst_m3_qa_release_pad);
  element_class->change_state = GST_DEBUG_FUNCPTR(gst_m3_qa_change_state);
  gst_element_class_set_static_metadata(
      element_class, "Video question answering", "Filter/Analyzer/Video",
      "Answers questions about a video that passes through", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_add_static_pad_template(element_class, &text_template);
  gst_element_class_add_static_pad_template(element_class, &question_template);
}

static void gst_m3_qa_init(GstM3Qa* self) {
  const auto make = [](GType type, const char* name) {
    return GST_ELEMENT(gst_object_ref_sink(g_object_new(type, "name", name, nullptr)));
  };
  GstElement* pool = GST_ELEMENT(g_object_new(GST_TYPE_M3_POOL, "name", "pool", nullptr));
  self->motion = make(GST_TYPE_M3_MOTION, "motion");
  self->scale = make(GST_TYPE_M3_SCALE, "scale");
  self->encode = make(GST_TYPE_M3_ENCODE, "encode");
  self->llm = make(GST_TYPE_M3_LLM, "llm");
  gst_bin_add_many(GST_BIN(self), self->motion, self->scale, self->encode, pool, self->llm,
                   nullptr);
  gst_element_link(self->motion, self->scale);
  gst_element_link_many(self->encode, pool, self->llm, nullptr);
  GstElement* element = GST_ELEMENT(self);
  const auto templ = [element](const char* name) {
    return gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(element), name);
  };
  gst_m3_qa_add_ghost(element, templ("sink"), gst_element_get_static_pad(self->motion, "sink"));

  GstElement* video_tee = gst_element_factory_make("tee", "video-tee");
  GstElement* text_tee = gst_element_factory_make("tee", "text-tee");
  GstElement* text_queue = gst_element_factory_make("queue", "text-queue");
  GstElement* text_sink = gst_element_factory_make("fakesink", "text-sink");
  if (!video_tee || !text_tee || !text_queue || !text_sink) {
    for (GstElement* made : {video_tee, text_tee, text_queue, text_sink}) {
      if (made) gst_object_unref(gst_object_ref_sink(made));
    }
    gst_m3_qa_add_ghost(element, templ("src"), gst_element_get_static_pad(self->scale, "src"));
    return;
  }
  self->text_tee = GST_ELEMENT(gst_object_ref_sink(text_tee));
  g_object_set(video_tee, "allow-not-linked", TRUE, nullptr);
  g_object_set(text_tee, "allow-not-linked", TRUE, nullptr);
  // The sink makes the pipeline's EOS wait for the answers. They are rare and must not hold up
  // preroll; the queue keeps a sink that is paused from holding up the one on the pad `text`.
  g_object_set(text_queue, "max-size-time", guint64{0}, "max-size-bytes", 0U, nullptr);
  g_object_set(text_sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, nullptr);
  gst_bin_add_many(GST_BIN(self), video_tee, text_tee, text_queue, text_sink, nullptr);
  gst_element_link(self->scale, video_tee);
  // First, so that a frame is with the engine before the video's own branch may block on it.
  gst_element_link(video_tee, self->encode);
  gst_element_link_many(self->llm, text_tee, text_queue, text_sink, nullptr);
  gst_m3_qa_add_ghost(element, templ("src"), gst_element_request_pad_simple(video_tee, "src_%u"));
}
