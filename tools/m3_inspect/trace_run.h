// One run of a model with every stage written to a safetensors file.
// Threads: the main thread.
#pragma once

#include "core/engine.h"
#include "tools/m3_inspect/options.h"

namespace m3::inspect {

// Writes options.trace and prints what is in it. Throws Error.
void trace_run(Engine& engine, const Options& options);

}  // namespace m3::inspect
