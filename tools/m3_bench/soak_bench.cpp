#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "tools/common/answer_box.h"
#include "tools/common/process.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/question.h"
#include "tools/m3_bench/random_frames.h"

namespace m3::bench {
namespace {

constexpr int kParts = 20;  // of the run; the first two are warm-up
constexpr int kWarmUp = 2;
constexpr int64_t kLeastWarmUp =
    1500;                       // frames of each of those: until the window has all its forms
constexpr int kPictures = 256;  // different frames of random tokens
constexpr int64_t kFrameNs = 500'000'000;
constexpr double kMemoryGrows = 1.02;  // of that after warm-up
constexpr double kCostGrows = 1.25;
constexpr double kLeastPart = 1;  // processor seconds of a part whose cost can be compared

double median_of(const std::vector<double>& values, size_t from, size_t to) {
  return median({values.begin() + static_cast<std::ptrdiff_t>(from),
                 values.begin() + static_cast<std::ptrdiff_t>(to)});
}

}  // namespace

// A stream that does not end: memory and the cost of a frame must be at its end what they were at
// its beginning. Throws when they are not.
void bench_soak(const Bench& bench) {
  const ModelInfo& info = bench.engine->info();
  const std::vector<Tokens> frames = random_frames(info, kPictures);
  SessionOptions options;
  options.prefill_early = true;
  options.window_tokens = std::min(1024, std::max(1, info.context_tokens / 4));
  const auto session = bench.engine->create_session(options);
  const int64_t part = std::max<int64_t>(1, bench.options.frames / kParts);
  std::vector<double> frame_ms;
  std::vector<double> memory_mb;
  std::vector<double> first_ms;
  int most_positions = 0;
  int64_t number = 0;
  for (int i = 0; i < kParts && !bench.stop.stop_requested(); ++i) {
    const int64_t count = i < kWarmUp ? std::max(part, kLeastWarmUp) : part;
    const double begin = tools::cpu_seconds();
    for (int64_t end = number + count; number < end && session->wait_inbox(bench.stop); ++number) {
      session->append({frames[static_cast<size_t>(number * 31 % kPictures)], number * kFrameNs});
      if (number % 64 == 0) {
        most_positions = std::max(most_positions, session->stats().window_positions);
      }
    }
    session->drain().get();
    // Processor time: what else the machine does is no cost of ours.
    frame_ms.push_back(1000 * (tools::cpu_seconds() - begin) / static_cast<double>(count));
    first_ms.push_back(tools::answer_all(*session, {question("What?", 4)}).front().ttft_ms);
    memory_mb.push_back(tools::resident_mb());
  }
  if (bench.stop.stop_requested()) return;
  const double before = median_of(frame_ms, kWarmUp, kWarmUp + 4);
  const double after = median_of(frame_ms, kParts - 4, kParts);
  const double memory_before = memory_mb[kWarmUp];
  const double memory_after = *std::max_element(memory_mb.begin() + kWarmUp, memory_mb.end());
  bench.show({"soak.frames", static_cast<double>(number), "frames", std::nullopt, ""});
  bench.show({"soak.frame", after, "ms of processor time", after / before, "the run's beginning"});
  bench.show({"soak.first_token", median_of(first_ms, kParts - 4, kParts), "ms",
              median_of(first_ms, kParts - 4, kParts) / median_of(first_ms, kWarmUp, kWarmUp + 4),
              "the run's beginning"});
  bench.show(
      {"soak.memory", memory_after, "MB", memory_after / memory_before, "the run's beginning"});
  bench.show({"soak.positions", static_cast<double>(most_positions), "rows at most",
              static_cast<double>(most_positions) / info.context_tokens, "the model's context"});
  if (memory_after > kMemoryGrows * memory_before || most_positions > info.context_tokens) {
    throw Error(ErrorCode::kInternal,
                "the session grew: " + std::to_string(memory_before) + " MB became " +
                    std::to_string(memory_after) + " MB, " + std::to_string(most_positions) +
                    " of " + std::to_string(info.context_tokens) + " positions were taken");
  }
  const bool comparable = before * static_cast<double>(part) >= 1000 * kLeastPart;
  if (comparable && after > kCostGrows * before) {
    throw Error(ErrorCode::kInternal, "a frame costs more and more: " + std::to_string(before) +
                                          " ms of processor time became " + std::to_string(after));
  }
}

}  // namespace m3::bench
