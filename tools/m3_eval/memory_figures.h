// What a memory study comes to: accuracy by time and by who answers, and whether nested memory is
// ahead of a window of the last frames and close to one in which all fits. Threads: values and free
// functions.
#pragma once

#include <string>
#include <vector>

#include "tools/m3_eval/memory_study.h"
#include "tools/m3_eval/share.h"

namespace m3::eval {

struct MemoryRow {
  double seconds_ago = 0;
  std::string kind;  // "all" comes first
  Arm arm = Arm::kNested;
  Share share;
};

std::vector<MemoryRow> rows_of(const std::vector<MemoryRecord>& records);

// Points of accuracy above those of grey pictures, which is what can be guessed.
struct Lead {
  double points = 0;
  double low = 0;  // 95 % interval over draws of needles (bootstrap)
  double high = 0;
};

// Nested memory beside another window, each over what can be guessed.
struct MemoryLead {
  double seconds_ago = 0;
  std::string kind;  // "all" comes first
  Arm against = Arm::kRecent;
  double factor =
      0;  // what nested memory should reach of the other's lead: 2 of recent, 0.8 of fine
  Lead nested;
  Lead other;
  // Share of draws in which it does, and is ahead of guessing; the draws are paired.
  double probability = 0;
};

std::vector<MemoryLead> leads_of(const std::vector<MemoryRecord>& records);

}  // namespace m3::eval
