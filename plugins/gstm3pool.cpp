/**
 * SECTION:element-m3pool
 * @title: m3pool
 *
 * Sets the scale that each frame's tokens show: the one that m3scale granted, by nested average
 * pooling.
 *
 * Nothing is computed here: the buffer's memory shows another level of the same tokens, which stay
 * as fine as m3encode kept them. Without m3scale the tokens are shown as they come. Granted tokens
 * that are not shown go back to the budget.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 ! m3motion ! m3scale scale=36 ! m3encode model=fake: !
 * m3pool ! fakesink
 * ]|
 *
 * Reads: GstM3ScaleMeta. Messages: none.
 *
 * Since: 0.1
 */
#include "plugins/gstm3pool.h"

#include "core/tokens.h"
#include "plugins/glue.h"
#include "plugins/gstm3meta.h"
#include "plugins/gstm3tokens.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_pool_debug);
#define GST_CAT_DEFAULT gst_m3_pool_debug

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_TOKENS_CAPS));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_TOKENS_CAPS));

// Streaming thread; keeps nothing from buffer to buffer.
void show_granted_scale(GstBuffer* buffer, guint tile) {
  const auto tokens = m3::tokens_in(buffer, tile);
  if (!tokens) {
    throw m3::Error(m3::ErrorCode::kMismatch,
                    "A buffer does not hold visual tokens of this process; put m3encode before");
  }
  const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(buffer);
  if (!meta) return;
  const int granted = tile == 0 ? meta->decision.scale : meta->decision.crop_scale;
  const int shown = tokens->scale_within(granted);
  if (shown < granted && meta->policy) {
    meta->policy->give_back(meta->granted_at_ns, granted - shown);
  }
  if (shown != tokens->scale()) {
    gst_buffer_replace_memory(buffer, tile, m3::new_tokens_memory(tokens->pool_to(shown)));
  }
}

}  // namespace

struct _GstM3Pool {
  GstBaseTransform parent;
};

G_DEFINE_FINAL_TYPE(GstM3Pool, gst_m3_pool, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3pool, "m3pool", GST_RANK_NONE, GST_TYPE_M3_POOL,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_pool_debug, "m3pool", 0,
                                                              "scale of visual tokens"))

static GstFlowReturn gst_m3_pool_transform_ip(GstBaseTransform* transform, GstBuffer* buffer) {
  return m3::guard(transform, __func__, GST_FLOW_ERROR, [&] {
    // A frame without tokens of its own has no memory.
    const guint tiles = gst_buffer_n_memory(buffer);
    for (guint tile = 0; tile < tiles; ++tile) show_granted_scale(buffer, tile);
    return GST_FLOW_OK;
  });
}

static void gst_m3_pool_class_init(GstM3PoolClass* klass) {
  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_m3_pool_transform_ip);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "Visual token pooling", "Filter/Effect/Video",
      "Pools each frame's visual tokens to the scale that was granted", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void gst_m3_pool_init(GstM3Pool* self) {
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
  gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}
