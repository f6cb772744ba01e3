// The measurements of m3-bench, a function each; every one prints its figures as they come.
// Threads: free functions; they block.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "core/engine.h"
#include "tools/m3_bench/figure.h"
#include "tools/m3_bench/options.h"

namespace m3::bench {

// What all measurements share.
struct Bench {
  const Options& options;
  std::shared_ptr<Engine> engine;
  int threads;            // of the engine
  double bandwidth_gb_s;  // ceilings of the machine; 0 where nothing is compared with them
  double gflops;
  std::stop_token stop;  // Ctrl-C: the measurement under way ends early
  std::function<void(const Figure&)> show;
};

void bench_encode(const Bench& bench);
// Tower, prefill and decode of a LLaVA model beside transformers. Throws kInvalidArgument for
// another model.
void bench_llava(const Bench& bench);
void bench_prefill(const Bench& bench);
void bench_decode(const Bench& bench);
void bench_soak(const Bench& bench);
void bench_stream(const Bench& bench);
void bench_streams(const Bench& bench);
void bench_train(const Bench& bench);
void bench_ttft(const Bench& bench);

}  // namespace m3::bench
