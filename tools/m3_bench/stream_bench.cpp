#include <chrono>
#include <vector>

#include "tools/common/answer_box.h"
#include "tools/common/process.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/question.h"
#include "tools/m3_bench/test_picture.h"

namespace m3::bench {
namespace {

constexpr int kFrames = 60;
constexpr int kFramesAQuestion = 10;
constexpr int64_t kFrameNs = 500'000'000;  // two looks a second, the default

}  // namespace

// Frames through the tower into the window, a question now and then: what the elements drive,
// without them.
void bench_stream(const Bench& bench) {
  std::vector<TestPicture> pictures;
  for (int number = 0; number < 8; ++number) pictures.emplace_back(number);
  const std::vector<int>& ladder = bench.engine->info().ladder;
  const auto session = bench.engine->create_session({});
  std::vector<double> first;
  double answering_ms = 0;
  const double cpu_before = tools::cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  int frames = 0;
  for (; frames < kFrames && !bench.stop.stop_requested(); ++frames) {
    const TestPicture& picture = pictures[static_cast<size_t>(frames) % pictures.size()];
    const Tokens tokens = bench.engine->encode({picture.view(), ladder.back()}).get();
    // Mostly coarse, now and then fine: as a quiet street gives them.
    const int scale = ladder[frames % 8 == 0 ? ladder.size() - 2 : ladder.size() / 3];
    session->append({tokens.pool_to(scale), frames * kFrameNs});
    if ((frames + 1) % kFramesAQuestion == 0) {
      const Answer answer = tools::answer_all(*session, {question("What do you see?", 16)}).front();
      first.push_back(answer.ttft_ms);
      answering_ms += answer.total_ms;
    }
  }
  const double wall_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  if (first.empty()) return;
  bench.show({"stream.frame", (wall_ms - answering_ms) / frames, "ms", std::nullopt, ""});
  bench.show({"stream.first_token", median(first), "ms", std::nullopt, ""});
  bench.show(
      {"stream.answer", answering_ms / static_cast<double>(first.size()), "ms", std::nullopt, ""});
  bench.show({"stream.cpu", 1000 * (tools::cpu_seconds() - cpu_before) / frames, "ms/frame",
              std::nullopt, ""});
  bench.show({"stream.speed", frames * (static_cast<double>(kFrameNs) * 1e-6) / wall_ms,
              "x real time", std::nullopt, ""});
  bench.show(
      {"stream.peak_memory", static_cast<double>(tools::peak_rss_mb()), "MB", std::nullopt, ""});
}

}  // namespace m3::bench
