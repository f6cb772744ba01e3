#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "tools/common/process.h"
#include "tools/m3_bench/answer_waiter.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/random_frames.h"

namespace m3::bench {
namespace {

constexpr std::chrono::seconds kTime{10};
constexpr int kFramesAQuestion = 8;
constexpr int kAnswerTokens = 16;
constexpr int64_t kFrameNs = 500'000'000;

}  // namespace

// Streams side by side on one engine, without the tower: each puts frames into its window and asks
// about them, as fast as it is served.
void bench_streams(const Bench& bench) {
  const std::vector<Tokens> frames = random_frames(bench.engine->info(), 64);
  const size_t count = static_cast<size_t>(bench.options.streams);
  std::vector<int64_t> served(count);  // frames, each written by its own thread
  std::atomic<int64_t> new_tokens = 0;
  std::vector<double> first_ms(count);
  std::vector<std::exception_ptr> failed(count);
  const auto begin = std::chrono::steady_clock::now();
  const auto over = [&] {
    return std::chrono::steady_clock::now() - begin >= kTime || bench.stop.stop_requested();
  };
  std::vector<std::thread> threads;
  for (size_t stream = 0; stream < count; ++stream) {
    threads.emplace_back([&, stream] {
      try {
        SessionOptions options;
        options.prefill_early = true;
        const auto session = bench.engine->create_session(options);
        for (int64_t number = 0; !over(); ++number) {
          session->wait_inbox(bench.stop);
          const size_t which = (static_cast<size_t>(number) * 31 + stream) % frames.size();
          session->append({frames[which], number * kFrameNs});
          if ((number + 1) % kFramesAQuestion != 0) continue;
          const Answer answer =
              AnswerWaiter::ask(*session, {question("What do you see?", kAnswerTokens)}).front();
          first_ms[stream] = answer.ttft_ms;
          new_tokens += answer.new_tokens;
          served[stream] += kFramesAQuestion;
        }
      } catch (...) {
        failed[stream] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : failed) {
    if (error) std::rethrow_exception(error);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  int64_t all = 0;
  for (const int64_t one : served) all += one;
  const auto [least, most] = std::minmax_element(served.begin(), served.end());
  bench.show({"streams.count", static_cast<double>(count), "streams", std::nullopt, ""});
  bench.show(
      {"streams.frames", static_cast<double>(all) / taken.count(), "frames/s", std::nullopt, ""});
  bench.show({"streams.answers", static_cast<double>(new_tokens) / taken.count(), "tokens/s",
              std::nullopt, ""});
  bench.show({"streams.first_token", median(first_ms), "ms", std::nullopt, ""});
  bench.show({"streams.most_served", static_cast<double>(*most), "frames",
              static_cast<double>(*most) / static_cast<double>(std::max<int64_t>(*least, 1)),
              "the least served"});
  bench.show({"streams.peak_memory", static_cast<double>(tools::peak_rss_mb()), "MB",
              static_cast<double>(tools::peak_rss_mb()) * 1e6 /
                  static_cast<double>(bench.engine->info().weight_bytes),
              "one set of weights"});
}

}  // namespace m3::bench
