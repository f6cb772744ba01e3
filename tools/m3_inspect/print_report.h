// A model's report for people, and as one JSON object.
// Threads: free functions.
#pragma once

#include <string>

#include "tools/m3_inspect/model_report.h"

namespace m3::inspect {

std::string to_text(const ModelReport& report);       // several lines
std::string to_json_line(const ModelReport& report);  // without its newline

}  // namespace m3::inspect
