// Reads the elements' messages back into the lines that core/json_lines.h writes: fields m3-answer,
// m3-frame, stats. Threads: free functions over values.
#pragma once

#include <gst/gst.h>

#include "core/json_lines.h"

namespace m3::ask {

FrameLine frame_line(const GstStructure& frame);
AnswerLine answer_line(const GstStructure& answer);
EndLine end_line(const GstStructure& stats);

}  // namespace m3::ask
