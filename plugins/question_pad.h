// A request pad that takes questions as text buffers.
// Threads: the callback comes on the streaming thread of whoever pushes questions.
#pragma once

#include <gst/gst.h>

#include <functional>
#include <string>

#include "core/frame.h"

namespace m3 {

// at_ns: the buffer's stream time, kNoTime: at once.
using AskFn = std::function<void(const std::string& text, int64_t at_ns)>;

// A sink pad (floating) that calls `ask` for every text. Its events end here: questions and
// pictures are streams of their own.
GstPad* new_question_pad(GstPadTemplate* templ, AskFn ask);

// UTF-8 without the line's end; what is not UTF-8 is mended. NULL: empty.
std::string question_text(const gchar* text);

}  // namespace m3
