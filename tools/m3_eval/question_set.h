// The questions that a model is measured with: JSON Lines, each about one picture.
// Threads: values and a free function.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace m3::eval {

struct SetQuestion {
  std::string file;  // a picture, seen from the data folder
  std::string question;
  std::string answer;
  std::vector<std::string> accept;  // what is right, too
  std::string kind;                 // "presence", "count"
  std::optional<double> seconds;    // the answer is this time
  double tolerance = 1;             // seconds that the answer may be off
};

// Each line: file, question, answer, type, and optionally accept, seconds, tolerance; other fields
// are passed over. At most `limit` lines, 0: all. Throws kNotFound, and kCorrupt naming file and
// line (from 1).
std::vector<SetQuestion> read_question_set(const std::string& path, size_t limit);
// The line that reads as this question.
std::string to_json_line(const SetQuestion& question);

}  // namespace m3::eval
