// RunState: where a run stands, beside what the trainer itself saves. Threads: values and free
// functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace m3::train {

struct RunState {
  int64_t step = 0;           // taken
  uint64_t next_example = 0;  // number of the first one not yet drawn
  uint64_t examples = 0;      // shown
  double seconds = 0;         // trained
  double best = 0;            // held-out loss of model/; 0: none was written for being best
  std::string setup;          // what the run began with
};

std::map<std::string, std::string> to_notes(const RunState& state);
// Throws kCorrupt, naming `path`.
RunState from_notes(const std::map<std::string, std::string>& notes, const std::string& path);

}  // namespace m3::train
