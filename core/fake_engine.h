// The fake engine, model "fake:": a deterministic Engine that needs neither weights nor torch.
// Tests of elements and tools run on it, and it shows what they cost by themselves. It keeps every
// promise of core/engine.h, with a real thread and a real queue.
//
// A token is the mean luma of its cell (dimension 0; dimension d adds d). An answer says what is in
// the window: "5 frames, 73 tokens, brightness 131", the brightness being the newest frame's; one
// token is one word.
//
// Behind "fake:" may stand settings, name=value, separated by commas:
//   grid=12      side of the finest level in tokens: 1, 3, 6, 12 or 24; the ladder is 1, 9, 36, ...
//   load_ms=0    how long loading takes, 0..600000
//   encode_ms=0  how long the engine is busy with a frame's tokens, 0..600000
//   append_ms=0  how long the engine is busy taking a frame into the window, 0..600000
//   delay_ms=0   pause before each token of an answer, 0..600000; other work goes on meanwhile
//   tokens=0     how long every answer is, 0..1000000; 0: as long as what it says
//   say=seen     seen: what is in the window; settings: the question and all that was set, for
//                tests of pass-through (stop texts are then named and cut nothing)
//   fail=none    load, encode or ask: that step fails with kDevice
//
// Threads: a free function, safe from any thread.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>

#include "core/engine.h"

namespace m3 {

inline constexpr std::string_view kFakeModelPrefix = "fake:";

// Throws kInvalidArgument for a setting it does not know, kCancelled when `stop` is requested.
std::shared_ptr<Engine> open_fake_engine(const EngineOptions& options, const ProgressFn& progress,
                                         const std::stop_token& stop);

}  // namespace m3
