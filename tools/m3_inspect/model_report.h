// ModelReport: what a model is, found out from its files alone, without running it.
// Threads: free functions over values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine.h"

namespace m3::inspect {

// A file of the model.
struct ModelPart {
  std::string name;        // "tower", "projector and low-rank updates", "LLM"
  std::string path;        // empty: missing
  std::string problem;     // one line: why it cannot be used; empty: it can
  int64_t bytes = 0;       // on disk
  int64_t parameters = 0;  // 0: not known
};

struct MemoryNeed {
  std::string dtype;      // "float32", "bfloat16"
  int visual_tokens = 0;  // in the window
  int64_t weight_bytes = 0;
  int64_t window_bytes = 0;  // keys and values
  bool fits = false;         // into the memory that this machine has free
};

struct ModelReport {
  std::string source;  // folder, or the name of a model without one
  std::string chat;    // which texts stand around questions; empty: the config says it
  ModelInfo info;      // as far as it is known; device, dtype and weight_bytes are not
  std::vector<ModelPart> parts;
  int64_t free_bytes = 0;  // of this machine's memory, 0: not known
  std::vector<MemoryNeed> needs;

  std::vector<std::string> problems() const;  // of all parts
};

// Throws Error when there is no such model or its config cannot be read; missing base weights are
// told in the parts.
ModelReport report_model(const EngineOptions& options);

}  // namespace m3::inspect
