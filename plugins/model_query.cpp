#include "plugins/model_query.h"

namespace m3 {
namespace {

constexpr char kName[] = "m3-model-info";
constexpr char kLadder[] = "ladder";
constexpr char kLoading[] = "loading";

}  // namespace

std::optional<LadderAnswer> ask_for_ladder(GstPad* src) {
  GstQuery* query = gst_query_new_custom(GST_QUERY_CUSTOM, gst_structure_new_empty(kName));
  std::optional<LadderAnswer> answer;
  if (gst_pad_peer_query(src, query)) {
    const GstStructure* structure = gst_query_get_structure(query);
    gboolean loading = FALSE;
    if (gst_structure_get_boolean(structure, kLoading, &loading)) {
      answer.emplace().loading = loading;
    }
    if (const GValue* ladder = gst_structure_get_value(structure, kLadder);
        answer && ladder && GST_VALUE_HOLDS_ARRAY(ladder)) {
      for (guint i = 0; i < gst_value_array_get_size(ladder); ++i) {
        answer->ladder.push_back(g_value_get_int(gst_value_array_get_value(ladder, i)));
      }
    }
  }
  gst_query_unref(query);
  return answer;
}

bool is_ladder_query(GstQuery* query) {
  return GST_QUERY_TYPE(query) == GST_QUERY_CUSTOM &&
         gst_structure_has_name(gst_query_get_structure(query), kName);
}

void answer_ladder_query(GstQuery* query, const LadderAnswer& answer) {
  GstStructure* structure = gst_query_writable_structure(query);
  GValue ladder = G_VALUE_INIT;
  gst_value_array_init(&ladder, static_cast<guint>(answer.ladder.size()));
  for (const int scale : answer.ladder) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_INT);
    g_value_set_int(&value, scale);
    gst_value_array_append_and_take_value(&ladder, &value);
  }
  gst_structure_take_value(structure, kLadder, &ladder);
  gst_structure_set(structure, kLoading, G_TYPE_BOOLEAN, answer.loading, nullptr);
}

}  // namespace m3
