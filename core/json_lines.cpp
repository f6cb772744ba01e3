#include "core/json_lines.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace m3 {
namespace {

using Json = nlohmann::ordered_json;  // keys stay in the contract's order

Json seconds_or_null(int64_t time_ns) {
  return time_ns == kNoTime ? Json(nullptr) : Json(to_seconds(time_ns));
}

// Digits behind these are noise of the measurement and only make lines long.
double rounded(double value, double steps_per_unit) {
  return std::round(value * steps_per_unit) / steps_per_unit;
}

std::string one_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

double to_seconds(int64_t time_ns) noexcept { return static_cast<double>(time_ns) / 1e9; }

std::string utc_now() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  using std::chrono::system_clock;
  const auto now_ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(now_ms % 1000));
  return text;
}

std::string to_json_line(const FrameLine& line) {
  Json object;
  object["type"] = "frame";
  object["stream"] = line.stream;
  if (!line.video.empty()) object["video"] = line.video;
  object["pts"] = seconds_or_null(line.pts_ns);
  object["motion"] = rounded(line.motion, 1e4);
  object["complexity"] = rounded(line.complexity, 1e4);
  object["scale"] = line.scale;
  if (line.crop_scale > 0) object["crop_scale"] = line.crop_scale;
  object["reason"] = to_string(line.reason);
  return one_line(object);
}

std::string to_json_line(const AnswerLine& line) {
  const Answer& answer = line.answer;
  Json object;
  object["type"] = "answer";
  object["id"] = line.id;
  object["uid"] = line.uid;
  object["stream"] = line.stream;
  object["utc"] = line.utc;
  if (!line.video.empty()) object["video"] = line.video;
  if (!line.file.empty()) object["file"] = line.file;
  if (line.index) object["index"] = *line.index;
  object["question"] = line.question;
  object["text"] = answer.text;
  object["asked_at"] = seconds_or_null(answer.asked_at_ns);
  object["from"] = seconds_or_null(answer.from_ns);
  object["to"] = seconds_or_null(answer.to_ns);
  object["evidence"] = Json::array();
  for (const int64_t time_ns : answer.evidence_ns) {
    object["evidence"].push_back(seconds_or_null(time_ns));
  }
  object["frames"] = answer.frames;
  object["visual_tokens"] = answer.visual_tokens;
  object["prompt_tokens"] = answer.prompt_tokens;
  object["new_tokens"] = answer.new_tokens;
  object["confidence"] = rounded(answer.confidence, 1e4);
  object["ttft_ms"] = rounded(answer.ttft_ms, 10);
  object["total_ms"] = rounded(answer.total_ms, 10);
  object["finish"] = to_string(answer.finish);
  if (answer.finish == Finish::kError) object["error"] = answer.error;
  return one_line(object);
}

std::string to_json_line(const EndLine& line) {
  Json object;
  object["type"] = "end";
  object["frames"] = line.frames;
  object["frames_encoded"] = line.frames_encoded;
  object["frames_reused"] = line.frames_reused;
  object["frames_sampled_out"] = line.frames_sampled_out;
  object["frames_dropped"] = line.frames_dropped;
  object["visual_tokens"] = line.visual_tokens;
  object["text_tokens"] = line.text_tokens;
  object["seconds"] = rounded(line.seconds, 1e3);
  object["wall_seconds"] = rounded(line.wall_seconds, 1e3);
  object["peak_rss_mb"] = rounded(line.peak_rss_mb, 1);
  object["truncated"] = line.truncated;
  return one_line(object);
}

}  // namespace m3
