// One picture and one prompt through the model with every stage written down (the contract's
// `m3-inspect --trace`). Threads: the engine's thread only.
#pragma once

#include <vector>

#include "core/engine.h"
#include "core/torch/model.h"

namespace m3 {

std::vector<TraceTensor> run_trace(const Model& model, const TraceRequest& request);

}  // namespace m3
