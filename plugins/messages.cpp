#include "plugins/messages.h"

namespace m3 {
namespace {

void set_time(GstStructure* structure, const char* name, int64_t time_ns) {
  if (time_ns == kNoTime) return;
  gst_structure_set(structure, name, G_TYPE_DOUBLE, to_seconds(time_ns), nullptr);
}

void set_times(GstStructure* structure, const char* name, const std::vector<int64_t>& times_ns) {
  GValue array = G_VALUE_INIT;
  gst_value_array_init(&array, static_cast<guint>(times_ns.size()));
  for (const int64_t time_ns : times_ns) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_DOUBLE);
    g_value_set_double(&value, to_seconds(time_ns));
    gst_value_array_append_and_take_value(&array, &value);
  }
  gst_structure_take_value(structure, name, &array);
}

}  // namespace

GstMessage* new_answer_message(GstElement* element, const AnswerLine& line) {
  const Answer& answer = line.answer;
  GstStructure* structure = gst_structure_new(
      "m3-answer", "version", G_TYPE_INT, kAnswerVersion, "id", G_TYPE_STRING, line.id.c_str(),
      "uid", G_TYPE_STRING, line.uid.c_str(), "stream", G_TYPE_STRING, line.stream.c_str(), "utc",
      G_TYPE_STRING, line.utc.c_str(), "question", G_TYPE_STRING, line.question.c_str(), "text",
      G_TYPE_STRING, answer.text.c_str(), nullptr);
  set_time(structure, "asked_at", answer.asked_at_ns);
  set_time(structure, "from", answer.from_ns);
  set_time(structure, "to", answer.to_ns);
  set_times(structure, "evidence", answer.evidence_ns);
  gst_structure_set(structure, "frames", G_TYPE_INT, answer.frames, "visual_tokens", G_TYPE_INT,
                    answer.visual_tokens, "prompt_tokens", G_TYPE_INT, answer.prompt_tokens,
                    "new_tokens", G_TYPE_INT, answer.new_tokens, "confidence", G_TYPE_DOUBLE,
                    answer.confidence, "ttft_ms", G_TYPE_DOUBLE, answer.ttft_ms, "total_ms",
                    G_TYPE_DOUBLE, answer.total_ms, "finish", G_TYPE_STRING,
                    to_string(answer.finish), nullptr);
  if (answer.finish == Finish::kError) {
    gst_structure_set(structure, "error", G_TYPE_STRING, answer.error.c_str(), nullptr);
  }
  return gst_message_new_element(GST_OBJECT(element), structure);
}

GstMessage* new_piece_message(GstElement* element, const AnswerPiece& piece) {
  return gst_message_new_element(
      GST_OBJECT(element),
      gst_structure_new("m3-answer-piece", "id", G_TYPE_STRING, piece.id.c_str(), "uid",
                        G_TYPE_STRING, piece.uid.c_str(), "text", G_TYPE_STRING, piece.text.c_str(),
                        nullptr));
}

GstMessage* new_frame_message(GstElement* element, const FrameLine& line) {
  GstStructure* structure =
      gst_structure_new("m3-frame", "stream", G_TYPE_STRING, line.stream.c_str(), nullptr);
  set_time(structure, "pts", line.pts_ns);
  gst_structure_set(structure, "motion", G_TYPE_DOUBLE, line.motion, "complexity", G_TYPE_DOUBLE,
                    line.complexity, "scale", G_TYPE_INT, line.scale, "reason", G_TYPE_STRING,
                    to_string(line.reason), nullptr);
  if (line.crop_scale > 0) {
    gst_structure_set(structure, "crop_scale", G_TYPE_INT, line.crop_scale, nullptr);
  }
  return gst_message_new_element(GST_OBJECT(element), structure);
}

}  // namespace m3
