// The element messages of the contract, made from the same values as the JSON lines. Times are
// seconds of stream time; a time that is not known is left out. Fields are only ever added;
// `version` would tell if one changed its meaning. Threads: free functions; they only make
// messages.
#pragma once

#include <gst/gst.h>

#include <string>

#include "core/json_lines.h"

namespace m3 {

inline constexpr int kAnswerVersion = 1;

// m3-answer: version, then the fields of the JSON line "answer".
GstMessage* new_answer_message(GstElement* element, const AnswerLine& line);

// m3-answer-piece: id and uid of the answer that is being made, and the next piece of its text.
struct AnswerPiece {
  std::string id;
  std::string uid;
  std::string text;
};
GstMessage* new_piece_message(GstElement* element, const AnswerPiece& piece);

// m3-frame: the fields of the JSON line "frame".
GstMessage* new_frame_message(GstElement* element, const FrameLine& line);

}  // namespace m3
