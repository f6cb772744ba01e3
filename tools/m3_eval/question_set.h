// The questions that a model is measured with: JSON Lines, each about one picture or clip.
// Threads: values and a free function.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace m3::eval {

struct SetQuestion {
  std::string file;  // a picture or a clip, seen from the data folder
  std::string question;
  std::string answer;
  std::vector<std::string> accept;            // what is right, too
  std::string kind;                           // "presence", "count"
  std::optional<double> seconds;              // the answer is this time
  double tolerance = 1;                       // seconds that the answer may be off
  std::optional<double> ask_at_seconds = {};  // of a clip, stream time; nothing: at its end
};

// Each line: file, question, answer, type, and optionally accept, seconds, tolerance; other fields
// are passed over. At most `limit` lines, 0: all. Throws kNotFound, and kCorrupt naming file and
// line (from 1).
std::vector<SetQuestion> read_question_set(const std::string& path, size_t limit);
// Likewise about clips: video in place of file, and t1, when to ask.
std::vector<SetQuestion> read_clip_questions(const std::string& path);
// The line that reads as this question.
std::string to_json_line(const SetQuestion& question);

}  // namespace m3::eval
