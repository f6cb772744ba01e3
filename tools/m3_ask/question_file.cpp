#include "tools/m3_ask/question_file.h"

#include <utility>

#include "tools/common/json_line_file.h"

namespace m3::ask {
namespace {

using tools::Json;
using tools::LineFault;
using tools::text_of;

constexpr double kLongestSeconds = 1e8;
constexpr int kLargestScale = 1 << 20;
constexpr size_t kMostFrames = 4096;  // in one window

std::string question_of(const Json& object) {
  const std::string question = text_of(object, "question");
  if (question.empty()) throw LineFault{"\"question\" is missing or empty"};
  return question;
}

std::optional<double> seconds_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number())
    throw LineFault{std::string("\"") + key + "\" is neither a number of seconds nor null"};
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= kLongestSeconds)) {
    throw LineFault{std::string("\"") + key + "\" is not a time of a stream"};
  }
  return seconds;
}

std::optional<int> scale_of(const Json& object) {
  const auto found = object.find("scale");
  if (found == object.end() || found->is_null()) return std::nullopt;
  const int64_t scale = found->is_number_integer() ? found->get<int64_t>() : 0;
  if (scale < 1 || scale > kLargestScale)
    throw LineFault{"\"scale\" is not a number of visual tokens"};
  return static_cast<int>(scale);
}

QuestionLine to_question(const Json& object) {
  QuestionLine line;
  line.video = text_of(object, "video");
  line.file = text_of(object, "file");
  if (line.video.empty() == line.file.empty())
    throw LineFault{"exactly one of \"video\" and \"file\" is needed"};
  line.question = question_of(object);
  line.ask_at_seconds = seconds_of(object, "t1");
  line.scale = scale_of(object);
  return line;
}

WindowLine to_window(const Json& object) {
  WindowLine line;
  line.question = question_of(object);
  const auto frames = object.find("frames");
  if (frames == object.end() || !frames->is_array()) throw LineFault{"\"frames\" is not a list"};
  if (frames->size() > kMostFrames)
    throw LineFault{"\"frames\" has more than " + std::to_string(kMostFrames) + " entries"};
  for (const Json& entry : *frames) {
    if (!entry.is_object()) throw LineFault{"an entry of \"frames\" is not an object"};
    WindowFrame frame{text_of(entry, "file"), seconds_of(entry, "second"), scale_of(entry)};
    if (frame.file.empty()) throw LineFault{"an entry of \"frames\" has no \"file\""};
    line.frames.push_back(std::move(frame));
  }
  return line;
}

}  // namespace

std::vector<QuestionLine> read_question_file(const std::string& path) {
  std::vector<QuestionLine> lines;
  tools::read_json_lines(path, [&](const Json& object, int number) {
    lines.push_back(to_question(object));
    lines.back().index = number;
  });
  return lines;
}

std::vector<WindowLine> read_window_file(const std::string& path) {
  std::vector<WindowLine> lines;
  tools::read_json_lines(path, [&](const Json& object, int number) {
    lines.push_back(to_window(object));
    lines.back().index = number;
  });
  return lines;
}

}  // namespace m3::ask
