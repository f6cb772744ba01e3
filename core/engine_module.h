// Finds and opens the engine module, the one library that maps libtorch. It is opened when a model
// is first needed and never closed, so that scanning the elements stays cheap and works without
// libtorch.
//
// Threads: a free function, safe from any thread.
#pragma once

#include "core/engine.h"

namespace m3 {

struct TrainerModule;

inline constexpr char kEngineModuleFile[] = "libm3engine-torch.so";

// The first kEngineModuleFile in the folders of M3_ENGINE_PATH (colon-separated), then in the
// folder it was installed to. Throws kNotFound (no module, or libtorch is missing) or kMismatch
// (another interface or libtorch than ours).
const EngineModule& open_engine_module();

// The same module's entry for training (core/trainer.h). Throws what open_engine_module() throws,
// kUnsupported (it cannot train), kMismatch (another interface than ours).
const TrainerModule& open_trainer_module();

}  // namespace m3
