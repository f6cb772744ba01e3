// Reads the files of --questions and --windows: JSON Lines, checked as a whole before anything is
// asked. Threads: free functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace m3::ask {

struct QuestionLine {
  int index = 0;      // line number from 0
  std::string video;  // a clip, or
  std::string file;   // a picture: exactly one of them is given
  std::string question;
  std::optional<double> ask_at_seconds;  // `t1`, stream time; none: at the end
  std::optional<int> scale;              // of a picture; none: as the command line says
};

struct WindowFrame {
  std::string file;              // a picture
  std::optional<double> second;  // stream time; none: a still picture
  std::optional<int> scale;      // visual tokens; none: the finest

  friend bool operator==(const WindowFrame&, const WindowFrame&) = default;
};

struct WindowLine {
  int index = 0;  // line number from 0
  std::vector<WindowFrame> frames;
  std::string question;
};

// Empty lines are passed over, but counted. Throw kNotFound, and kCorrupt naming file and line
// (from 1).
std::vector<QuestionLine> read_question_file(const std::string& path);
std::vector<WindowLine> read_window_file(const std::string& path);

}  // namespace m3::ask
