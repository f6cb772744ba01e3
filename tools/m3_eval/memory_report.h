// Prints a memory study: a table for people, or JSON lines. Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "tools/m3_eval/memory_study.h"

namespace m3::eval {

// Rows: how long ago and who answers; columns: kinds of question, each with its 95 % interval.
std::string to_text(const std::vector<MemoryRow>& rows);

// A line for each row.
std::string to_json_lines(const std::vector<MemoryRow>& rows);

}  // namespace m3::eval
