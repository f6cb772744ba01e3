// Prints what was measured: a table for people, or JSON lines. Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "tools/m3_eval/granularity.h"

namespace m3::eval {

// Rows: scales, then the oracle; columns: kinds of question, each with its 95 % interval.
std::string to_text(const std::vector<KindTable>& tables, const std::vector<int>& ladder);

// A line for each scale and kind, then the oracle and, when measured, the blind answers of each
// kind.
std::string to_json_lines(const std::vector<KindTable>& tables, const std::vector<int>& ladder);

// The share of one kind of question that was answered right.
struct KindShare {
  std::string kind;  // "all" comes first
  Share share;
};

std::string to_text(const std::vector<KindShare>& shares);
// Lines of this type.
std::string to_json_lines(const std::vector<KindShare>& shares, const std::string& type);

}  // namespace m3::eval
