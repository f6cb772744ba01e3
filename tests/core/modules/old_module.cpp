// A module of an older build: its interface version is another, and nothing else of it may be
// believed.
#include "core/engine.h"

extern "C" M3_API const m3::EngineModule m3_engine_module;
const m3::EngineModule m3_engine_module = {m3::kEngineAbi - 1, nullptr};
