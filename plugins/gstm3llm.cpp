/**
 * SECTION:element-m3llm
 * @title: m3llm
 *
 * Keeps a window of the stream's visual tokens and answers questions about it with the model's
 * language part.
 *
 * Questions come by the properties `question` and `interval`, by the action signals `ask` and
 * `ask-at`, and as text buffers on the request pad `question` (asked at their PTS, or at once
 * without one). Answers leave in the order in which they were asked, as text buffers (PTS = asked
 * at) and as element messages; the src pad may stay unlinked. Asked for application/json the
 * buffers are JSON lines. At the end of the stream every question is answered before EOS goes on. A
 * flush, a seek and a new stream forget what was seen; questions that were not answered end with
 * finish=cancelled.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=100 ! m3encode model=fake: ! m3pool ! m3llm
 * question="What is it?" interval=1 ! fakesink -m
 * ]|
 *
 * Reads: GstM3ActivityMeta, GstM3ScaleMeta. Messages: `m3-answer`, `m3-answer-piece` {id, uid,
 * text}, `m3-frame` (with `frame-messages`), QOS for every dropped frame, WARNING for a question
 * that could not be answered.
 *
 * Since: 0.1
 */
#include "plugins/gstm3llm.h"

#include <string>

#include "plugins/glue.h"
#include "plugins/gstm3tokens.h"
#include "plugins/llm_properties.h"
#include "plugins/question_signals.h"
#include "plugins/responder.h"
#include "plugins/text_pad.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_llm_debug);
#define GST_CAT_DEFAULT gst_m3_llm_debug

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_TOKENS_CAPS));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("text/x-raw, format = (string) utf8; application/json"));
GstStaticPadTemplate question_template =
    GST_STATIC_PAD_TEMPLATE("question", GST_PAD_SINK, GST_PAD_REQUEST,
                            GST_STATIC_CAPS("text/x-raw, format = (string) utf8"));

GstStructure* structure_of(const m3::EndLine& line) {
  return gst_structure_new("m3-stats", "frames", G_TYPE_UINT64, line.frames, "frames_encoded",
                           G_TYPE_UINT64, line.frames_encoded, "frames_reused", G_TYPE_UINT64,
                           line.frames_reused, "frames_sampled_out", G_TYPE_UINT64,
                           line.frames_sampled_out, "frames_dropped", G_TYPE_UINT64,
                           line.frames_dropped, "visual_tokens", G_TYPE_UINT64, line.visual_tokens,
                           "text_tokens", G_TYPE_UINT64, line.text_tokens, "seconds", G_TYPE_DOUBLE,
                           line.seconds, "wall_seconds", G_TYPE_DOUBLE, line.wall_seconds, nullptr);
}

}  // namespace

struct _GstM3Llm {
  GstElement parent;
  GstPad* sink;
  m3::Responder* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Llm, gst_m3_llm, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3llm, "m3llm", GST_RANK_NONE, GST_TYPE_M3_LLM,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_llm_debug, "m3llm", 0,
                                                              "answers about visual tokens"))

static void gst_m3_llm_set_property(GObject* object, guint id, const GValue* value,
                                    GParamSpec* spec) {
  bool known = true;
  GST_M3_LLM(object)->impl->change_settings(
      [&](m3::ResponderSettings& settings) { known = m3::set_llm_property(settings, id, value); });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_m3_llm_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  const m3::Responder& impl = *GST_M3_LLM(object)->impl;
  if (id == m3::kLlmStatsId) {
    g_value_take_boxed(value, structure_of(impl.counts()));
  } else if (!m3::get_llm_property(impl.settings(), id, value)) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static gchar* gst_m3_llm_ask(GstM3Llm* self, const gchar* text) {
  return m3::guard(self, __func__, static_cast<gchar*>(nullptr), [&]() -> gchar* {
    const std::string id = self->impl->ask(m3::one_text(text));
    return id.empty() ? nullptr : g_strdup(id.c_str());
  });
}

static gchar* gst_m3_llm_ask_at(GstM3Llm* self, const gchar* text, guint64 at, guint64 every) {
  return m3::guard(self, __func__, static_cast<gchar*>(nullptr), [&]() -> gchar* {
    const std::string id = self->impl->ask_at(m3::one_text(text), at, every);
    return id.empty() ? nullptr : g_strdup(id.c_str());
  });
}

static gboolean gst_m3_llm_cancel(GstM3Llm* self, const gchar* id) {
  return m3::guard(self, __func__, FALSE,
                   [&]() -> gboolean { return self->impl->cancel(id ? id : ""); });
}

static GstFlowReturn gst_m3_llm_chain(GstPad* pad, GstObject* parent, GstBuffer* buffer) {
  const GstFlowReturn flow = m3::guard(parent, __func__, GST_FLOW_ERROR,
                                       [&] { return GST_M3_LLM(parent)->impl->process(buffer); });
  gst_buffer_unref(buffer);
  return flow;
}

static gboolean gst_m3_llm_sink_event(GstPad* pad, GstObject* parent, GstEvent* event) {
  return m3::guard(parent, __func__, FALSE,
                   [&]() -> gboolean { return GST_M3_LLM(parent)->impl->take_event(event); });
}

static gboolean gst_m3_llm_src_event(GstPad* pad, GstObject* parent, GstEvent* event) {
  // Answers are late by nature, which must not make the decoder drop frames; and text that is
  // linked anew is no reason for the video to be negotiated again.
  if (GST_EVENT_TYPE(event) == GST_EVENT_QOS || GST_EVENT_TYPE(event) == GST_EVENT_RECONFIGURE) {
    gst_event_unref(event);
    return TRUE;
  }
  return gst_pad_push_event(GST_M3_LLM(parent)->sink, event);
}

static gboolean gst_m3_llm_src_query(GstPad* pad, GstObject* parent, GstQuery* query) {
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_CAPS:
    case GST_QUERY_ACCEPT_CAPS:
      return gst_pad_query_default(pad, parent, query);
    default:
      // The stream's position, latency and the like; the question pad has no say in them.
      return gst_pad_peer_query(GST_M3_LLM(parent)->sink, query);
  }
}

static gboolean gst_m3_llm_src_activate_mode(GstPad* pad, GstObject* parent, GstPadMode mode,
                                             gboolean active) {
  return mode == GST_PAD_MODE_PUSH && GST_M3_LLM(parent)->impl->activate(active);
}

static GstPad* gst_m3_llm_request_new_pad(GstElement* element, GstPadTemplate* templ,
                                          const gchar* name, const GstCaps* caps) {
  GstPad* existing = gst_element_get_static_pad(element, "question");
  if (existing) {
    gst_object_unref(existing);
    return nullptr;
  }
  m3::Responder* impl = GST_M3_LLM(element)->impl;
  GstPad* pad = m3::new_text_pad(templ, [impl](const std::string& text, int64_t at_ns) {
    if (at_ns == m3::kNoTime) {
      impl->ask(text);
    } else {
      impl->ask_at(text, static_cast<guint64>(at_ns), 0);
    }
  });
  gst_pad_set_active(pad, TRUE);
  gst_element_add_pad(element, pad);
  return pad;
}

static void gst_m3_llm_release_pad(GstElement* element, GstPad* pad) {
  gst_pad_set_active(pad, FALSE);
  gst_element_remove_pad(element, pad);
}

static GstStateChangeReturn gst_m3_llm_change_state(GstElement* element,
                                                    GstStateChange transition) {
  m3::Responder& impl = *GST_M3_LLM(element)->impl;
  const bool ready = m3::guard(element, __func__, false, [&] {
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) impl.start();
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) impl.interrupt();
    return true;
  });
  if (!ready) return GST_STATE_CHANGE_FAILURE;
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_m3_llm_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) impl.stop();
  return result;
}

static void gst_m3_llm_finalize(GObject* object) {
  delete GST_M3_LLM(object)->impl;
  G_OBJECT_CLASS(gst_m3_llm_parent_class)->finalize(object);
}

static void gst_m3_llm_class_init(GstM3LlmClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_llm_set_property;
  object_class->get_property = gst_m3_llm_get_property;
  object_class->finalize = gst_m3_llm_finalize;
  m3::install(object_class, m3::llm_properties());
  m3::install_question_signals(object_class, G_CALLBACK(gst_m3_llm_ask),
                               G_CALLBACK(gst_m3_llm_ask_at), G_CALLBACK(gst_m3_llm_cancel));

  auto* element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = GST_DEBUG_FUNCPTR(gst_m3_llm_change_state);
  element_class->request_new_pad = GST_DEBUG_FUNCPTR(gst_m3_llm_request_new_pad);
  element_class->release_pad = GST_DEBUG_FUNCPTR(gst_m3_llm_release_pad);
  gst_element_class_set_static_metadata(
      element_class, "Visual question answering", "Filter/Analyzer/Text",
      "Answers questions about a stream of visual tokens with a language model", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_add_static_pad_template(element_class, &question_template);
}

static void gst_m3_llm_init(GstM3Llm* self) {
  self->sink = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(self->sink, GST_DEBUG_FUNCPTR(gst_m3_llm_chain));
  gst_pad_set_event_function(self->sink, GST_DEBUG_FUNCPTR(gst_m3_llm_sink_event));
  gst_element_add_pad(GST_ELEMENT(self), self->sink);

  GstPad* src = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_activatemode_function(src, GST_DEBUG_FUNCPTR(gst_m3_llm_src_activate_mode));
  gst_pad_set_event_function(src, GST_DEBUG_FUNCPTR(gst_m3_llm_src_event));
  gst_pad_set_query_function(src, GST_DEBUG_FUNCPTR(gst_m3_llm_src_query));
  gst_element_add_pad(GST_ELEMENT(self), src);

  self->impl = new m3::Responder(GST_ELEMENT(self), self->sink, src);
}
