#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "tools/common/answer_box.h"
#include "tools/common/process.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/child_bench.h"
#include "tools/m3_bench/question.h"
#include "tools/m3_bench/random_frames.h"

namespace m3::bench {
namespace {

constexpr int kFramesAQuestion = 8;
constexpr int kAnswerTokens = 16;
// Places on the ladder, coarsest first: a live camera where something stirs now and then. With
// 1, 9 and 36 tokens and two looks a second 24 tokens a second, under the default budget.
constexpr std::array<size_t, kFramesAQuestion> kScales = {0, 1, 0, 2, 0, 1, 0, 2};
constexpr int64_t kFrameNs = 500'000'000;

// What one stream got.
struct Served {
  int64_t frames = 0;
  int64_t new_tokens = 0;
  std::vector<double> first_ms;
};

struct Outcome {
  std::vector<Served> streams;
  double seconds = 0;
  double cpu_seconds = 0;

  double frames() const { return rate(&Served::frames); }
  double tokens() const { return rate(&Served::new_tokens); }
  double cpu_ms_a_frame() const { return 1000 * cpu_seconds / (frames() * seconds); }
  double rate(int64_t Served::*what) const {
    int64_t all = 0;
    for (const Served& one : streams) all += one.*what;
    return static_cast<double>(all) / seconds;
  }
};

// A camera that is never ahead: a frame comes when the one before it is in the window, and a
// question behind every eighth, again and again, as fast as it is served.
Served serve(const Bench& bench, const std::vector<Tokens>& frames, size_t stream,
             const std::function<bool()>& over) {
  Served served;
  SessionOptions options;
  options.prefill_early = true;
  const auto session = bench.engine->create_session(options);
  const std::vector<int>& ladder = bench.engine->info().ladder;
  for (int64_t number = 0; !over(); ++number) {
    const size_t which = static_cast<size_t>(number) + stream;
    const size_t scale = std::min(kScales[which % kScales.size()], ladder.size() - 1);
    session->append({frames[which % frames.size()].pool_to(ladder[scale]), number * kFrameNs});
    session->drain().get();
    if ((number + 1) % kFramesAQuestion != 0) continue;
    const Answer answer =
        tools::answer_all(*session, {question("What do you see?", kAnswerTokens)}).front();
    served.first_ms.push_back(answer.ttft_ms);
    served.new_tokens += answer.new_tokens;
    served.frames += kFramesAQuestion;
  }
  return served;
}

Outcome serve_all(const Bench& bench) {
  const std::vector<Tokens> frames = random_frames(bench.engine->info(), 64);
  Outcome outcome;
  outcome.streams.resize(static_cast<size_t>(bench.options.streams));
  std::vector<std::exception_ptr> failed(outcome.streams.size());
  if (bench.options.wait) ChildBench::ready_and_wait();
  const double cpu_before = tools::cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const auto over = [&] {
    return seconds() >= bench.options.seconds || bench.stop.stop_requested();
  };
  std::vector<std::thread> threads;
  for (size_t stream = 0; stream < outcome.streams.size(); ++stream) {
    threads.emplace_back([&, stream] {
      try {
        outcome.streams[stream] = serve(bench, frames, stream, over);
      } catch (...) {
        failed[stream] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  outcome.seconds = seconds();
  outcome.cpu_seconds = tools::cpu_seconds() - cpu_before;
  for (const std::exception_ptr& error : failed) {
    if (error) std::rethrow_exception(error);
  }
  return outcome;
}

// The same streams, each in a process with weights of its own and so many compute threads.
void compare_with_processes(const Bench& bench, const Outcome& ours, int threads,
                            const std::string& whose) {
  const Options& options = bench.options;
  const std::vector<std::string> arguments = {"streams",
                                              "--streams",
                                              "1",
                                              "--seconds",
                                              std::to_string(options.seconds),
                                              "--wait",
                                              "--json",
                                              "--model",
                                              options.engine.model,
                                              "--device",
                                              options.engine.device,
                                              "--dtype",
                                              options.engine.dtype,
                                              "--threads",
                                              std::to_string(threads)};
  std::vector<std::unique_ptr<ChildBench>> children;
  for (int i = 0; i < options.streams; ++i) {
    // One after the other: a load needs more memory than what stays of it.
    children.push_back(std::make_unique<ChildBench>(arguments));
    children.back()->wait_ready();
  }
  for (const auto& child : children) child->go();
  std::map<std::string, double> sum;
  double cpu_seconds = 0;
  for (const auto& child : children) {
    std::map<std::string, double> figures = child->figures();
    cpu_seconds += figures["streams.cpu"] * figures["streams.frames"];
    for (const auto& [name, value] : figures) sum[name] += value;
  }
  const double cpu_ms = cpu_seconds / sum["streams.frames"];
  bench.show({"streams.frames_in_" + whose, sum["streams.frames"], "frames/s", std::nullopt, ""});
  bench.show({"streams.gain_over_" + whose, ours.frames() / sum["streams.frames"], "times",
              std::nullopt, ""});
  bench.show({"streams.cpu_of_" + whose, cpu_ms, "ms/frame", cpu_ms / ours.cpu_ms_a_frame(),
              "that of one process"});
  bench.show({"streams.memory_of_" + whose, sum["streams.memory"], "MB", std::nullopt, ""});
}

}  // namespace

// Streams side by side on one engine, without the tower.
void bench_streams(const Bench& bench) {
  const Outcome outcome = serve_all(bench);
  if (bench.stop.stop_requested()) return;
  const double memory_mb = tools::resident_mb();
  std::vector<double> first_ms;
  for (const Served& one : outcome.streams)
    first_ms.insert(first_ms.end(), one.first_ms.begin(), one.first_ms.end());
  const auto [least, most] =
      std::minmax_element(outcome.streams.begin(), outcome.streams.end(),
                          [](const Served& a, const Served& b) { return a.frames < b.frames; });
  if (least->frames == 0) {
    throw Error(ErrorCode::kInvalidArgument, "some streams were served nothing in " +
                                                 std::to_string(bench.options.seconds) +
                                                 " seconds; give more --seconds");
  }
  bench.show(
      {"streams.count", static_cast<double>(outcome.streams.size()), "streams", std::nullopt, ""});
  bench.show({"streams.frames", outcome.frames(), "frames/s", std::nullopt, ""});
  bench.show({"streams.answers", outcome.tokens(), "tokens/s", std::nullopt, ""});
  bench.show({"streams.cpu", outcome.cpu_ms_a_frame(), "ms/frame", std::nullopt, ""});
  bench.show({"streams.first_token", median(first_ms), "ms", std::nullopt, ""});
  bench.show({"streams.most_served", static_cast<double>(most->frames), "frames",
              static_cast<double>(most->frames) / static_cast<double>(least->frames),
              "the least served"});
  bench.show({"streams.memory", memory_mb, "MB",
              memory_mb * 1e6 / static_cast<double>(bench.engine->info().weight_bytes),
              "one set of weights"});
  if (!bench.options.processes) return;
  // As each is when it is started as if it were alone; then with one thread each, where they do not
  // fight over the cores.
  compare_with_processes(bench, outcome, bench.options.engine.threads, "processes");
  compare_with_processes(bench, outcome, 1, "processes_of_one_thread");
}

}  // namespace m3::bench
