// ChatTemplate: the fixed texts around spans and questions, with {system}, {second} and {question}
// as places to fill. Threads: a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/export.h"

namespace m3 {

// What stands before a question.
enum class QuestionPlace {
  kBehindFrames,
  kAlone,         // the window has no frame
  kBehindAnswer,  // of the same conversation, which the template's end has closed
};

struct M3_API ChatTemplate {
  std::string system;  // the default system prompt
  std::string prefix;  // holds {system}; opens every window
  std::string
      marker_video;  // holds {second}: whole seconds of stream time, before a video frame's tokens
  std::string marker_picture;  // before a still picture's tokens
  std::string question;        // holds {question}; up to where the answer begins
  std::string question_alone;  // the same for kAlone and kBehindAnswer; empty: as `question`
  std::string question_again;
  std::string end;  // the one token that ends an answer

  std::string prefix_text(std::string_view system_prompt) const;  // empty: the default
  std::string marker_text(int64_t pts_ns) const;                  // kNoTime: marker_picture
  std::string question_text(std::string_view text,
                            QuestionPlace place = QuestionPlace::kBehindFrames) const;
};

}  // namespace m3
