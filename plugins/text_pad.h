// A request pad that takes texts, one a buffer: m3llm's questions, m3overlay's answers.
// Threads: the callback comes on the streaming thread of whoever pushes them.
#pragma once

#include <gst/gst.h>

#include <functional>
#include <string>

#include "core/frame.h"

namespace m3 {

// at_ns: the buffer's stream time, kNoTime: it has none.
using TextFn = std::function<void(const std::string& text, int64_t at_ns)>;

// A sink pad (floating) that calls `take` for every text that is not empty. Its events end here:
// texts and pictures are streams of their own.
GstPad* new_text_pad(GstPadTemplate* templ, TextFn take);

// UTF-8 without the line's end; what is not UTF-8 is mended. NULL: empty.
std::string one_text(const gchar* text);

}  // namespace m3
