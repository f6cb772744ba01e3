#include "tools/m3_ask/printer.h"

#include <cstdio>

#include "tools/common/command_line.h"

namespace m3::ask {
namespace {

constexpr char kTool[] = "m3-ask";

// Where a line belongs: the clip or picture it is about, and the time.
std::string place(const std::string& source, int64_t time_ns) {
  std::string text = source.empty() ? "" : tools::one_line(source) + " ";
  if (time_ns != kNoTime) text += "[" + clock_time(time_ns) + "] ";
  return text;
}

}  // namespace

std::string clock_time(int64_t time_ns) {
  const int64_t tenths = (time_ns < 0 ? 0 : time_ns + 50'000'000) / 100'000'000;
  const auto hours = static_cast<long long>(tenths / 36'000);
  const int minutes = static_cast<int>(tenths / 600 % 60);
  const int seconds = static_cast<int>(tenths / 10 % 60);
  const int tenth = static_cast<int>(tenths % 10);
  char text[48];
  if (hours > 0) {
    std::snprintf(text, sizeof text, "%lld:%02d:%02d.%d", hours, minutes, seconds, tenth);
  } else {
    std::snprintf(text, sizeof text, "%02d:%02d.%d", minutes, seconds, tenth);
  }
  return text;
}

void Printer::frame(const FrameLine& line) {
  if (json_) return print(to_json_line(line));
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "frame: %3d tokens (%s), motion %.2f, complexity %.2f",
                line.scale, to_string(line.reason), line.motion, line.complexity);
  std::string text = place(line.video, line.pts_ns) + numbers;
  if (line.crop_scale > 0) text += ", " + std::to_string(line.crop_scale) + " of a crop";
  print(std::move(text));
}

void Printer::answer(const AnswerLine& line) {
  if (json_) return print(to_json_line(line));
  std::string text = place(line.video.empty() ? line.file : line.video, line.answer.asked_at_ns);
  if (show_questions_) text += tools::one_line(line.question) + " -> ";
  text += tools::one_line(line.answer.text);
  if (line.answer.finish == Finish::kError)
    text += "(no answer: " + tools::one_line(line.answer.error) + ")";
  if (line.answer.finish == Finish::kLength) text += " ...";
  print(std::move(text));
}

void Printer::end(const EndLine& line) {
  if (json_) print(to_json_line(line));
}

void Printer::error(std::string_view text) {
  progress_.clear();
  tools::print_error(kTool, text);
}

void Printer::print(std::string line) {
  progress_.clear();
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace m3::ask
