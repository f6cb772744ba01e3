// Prints a memory study: a table for people, or JSON lines. Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "tools/m3_eval/memory_figures.h"

namespace m3::eval {

// Rows: how long ago and who answers; columns: kinds of question, each with its 95 % interval. Then
// by how much nested memory is ahead of guessing, beside the window that it is held against.
std::string to_text(const std::vector<MemoryRow>& rows, const std::vector<MemoryLead>& leads);

// A line for each row, and for each lead.
std::string to_json_lines(const std::vector<MemoryRow>& rows, const std::vector<MemoryLead>& leads);

}  // namespace m3::eval
