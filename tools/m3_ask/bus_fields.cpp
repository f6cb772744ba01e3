#include "tools/m3_ask/bus_fields.h"

#include <cmath>
#include <string>

namespace m3::ask {
namespace {

// A field of any numeric type; `absent` when it is missing or of another kind.
double number(const GValue* value, double absent) {
  if (value == nullptr) return absent;
  GValue as_double = G_VALUE_INIT;
  g_value_init(&as_double, G_TYPE_DOUBLE);
  const double result =
      g_value_transform(value, &as_double) ? g_value_get_double(&as_double) : absent;
  g_value_unset(&as_double);
  return result;
}

double number(const GstStructure& fields, const char* name) {
  return number(gst_structure_get_value(&fields, name), 0);
}
int whole(const GstStructure& fields, const char* name) {
  return static_cast<int>(number(fields, name));
}
uint64_t count(const GstStructure& fields, const char* name) {
  return static_cast<uint64_t>(number(fields, name));
}

std::string text(const GstStructure& fields, const char* name) {
  const char* value = gst_structure_get_string(&fields, name);
  return value != nullptr ? value : "";
}

int64_t time_ns(const GValue* seconds) {
  const double value = number(seconds, NAN);
  return std::isfinite(value) ? std::llround(value * 1e9) : kNoTime;
}

int64_t time_ns(const GstStructure& fields, const char* name) {
  return time_ns(gst_structure_get_value(&fields, name));
}

// The enumerator whose word is `word`, by walking up from the first to the last.
template <typename Enum>
Enum from_word(const std::string& word, Enum first, Enum last) {
  for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i) {
    if (word == to_string(static_cast<Enum>(i))) return static_cast<Enum>(i);
  }
  return first;
}

}  // namespace

FrameLine frame_line(const GstStructure& frame) {
  FrameLine line;
  line.stream = text(frame, "stream");
  line.pts_ns = time_ns(frame, "pts");
  line.motion = number(frame, "motion");
  line.complexity = number(frame, "complexity");
  line.scale = whole(frame, "scale");
  line.crop_scale = whole(frame, "crop_scale");
  line.reason = from_word(text(frame, "reason"), Reason::kFirst, Reason::kBusy);
  return line;
}

AnswerLine answer_line(const GstStructure& message) {
  AnswerLine line;
  line.id = text(message, "id");
  line.uid = text(message, "uid");
  line.stream = text(message, "stream");
  line.utc = text(message, "utc");
  line.question = text(message, "question");
  Answer& answer = line.answer;
  answer.text = text(message, "text");
  answer.asked_at_ns = time_ns(message, "asked_at");
  answer.from_ns = time_ns(message, "from");
  answer.to_ns = time_ns(message, "to");
  if (const GValue* evidence = gst_structure_get_value(&message, "evidence");
      evidence != nullptr && GST_VALUE_HOLDS_ARRAY(evidence)) {
    for (guint i = 0; i < gst_value_array_get_size(evidence); ++i) {
      answer.evidence_ns.push_back(time_ns(gst_value_array_get_value(evidence, i)));
    }
  }
  answer.frames = whole(message, "frames");
  answer.visual_tokens = whole(message, "visual_tokens");
  answer.prompt_tokens = whole(message, "prompt_tokens");
  answer.new_tokens = whole(message, "new_tokens");
  answer.confidence = number(message, "confidence");
  answer.ttft_ms = number(message, "ttft_ms");
  answer.total_ms = number(message, "total_ms");
  answer.finish = from_word(text(message, "finish"), Finish::kStop, Finish::kError);
  answer.error = text(message, "error");
  return line;
}

EndLine end_line(const GstStructure& stats) {
  EndLine line;
  line.frames = count(stats, "frames");
  line.frames_encoded = count(stats, "frames_encoded");
  line.frames_reused = count(stats, "frames_reused");
  line.frames_sampled_out = count(stats, "frames_sampled_out");
  line.frames_dropped = count(stats, "frames_dropped");
  line.visual_tokens = count(stats, "visual_tokens");
  line.text_tokens = count(stats, "text_tokens");
  line.seconds = number(stats, "seconds");
  return line;
}

}  // namespace m3::ask
