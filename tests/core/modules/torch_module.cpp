// A module that needs libtorch.
#include "core/engine.h"

extern "C" int torch_stub();

namespace {

std::shared_ptr<m3::Engine> open_engine(const m3::EngineOptions&, const m3::ProgressFn&,
                                        std::stop_token) {
  return torch_stub() == 1 ? m3::shared_engine({.model = "fake:grid=6"}) : nullptr;
}

}  // namespace

extern "C" M3_API const m3::EngineModule m3_engine_module;
const m3::EngineModule m3_engine_module = {m3::kEngineAbi, &open_engine};
