// An engine module as it should be: every model it opens is the fake engine with a grid of 3.
#include "core/engine.h"

namespace {

std::shared_ptr<m3::Engine> open_engine(const m3::EngineOptions&, const m3::ProgressFn&,
                                        std::stop_token) {
  return m3::shared_engine({.model = "fake:grid=3"});
}

}  // namespace

extern "C" M3_API const m3::EngineModule m3_engine_module;
const m3::EngineModule m3_engine_module = {m3::kEngineAbi, &open_engine};
