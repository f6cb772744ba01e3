#include <algorithm>
#include <memory>
#include <vector>

#include "tools/common/answer_box.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/question.h"
#include "tools/m3_bench/random_frames.h"

namespace m3::bench {
namespace {

constexpr int kFramesASecond = 2;  // looks, the default
constexpr int kEarly = 10;         // seconds of stream
constexpr int kLate = 590;
constexpr int kQuestions = 5;
constexpr int kReads = 3;  // of a whole window

int window_of(const ModelInfo& info) {
  return std::min(1024, std::max(1, info.context_tokens / 4));
}

// Frames of the stream from one second to another.
void play(Session& session, const std::vector<Tokens>& frames, int from, int to,
          std::stop_token stop) {
  for (int64_t number = from * kFramesASecond; number < to * kFramesASecond; ++number) {
    if (!session.wait_inbox(stop)) return;
    session.append({frames[static_cast<size_t>(number * 31) % frames.size()],
                    number * 1'000'000'000 / kFramesASecond});
  }
  session.drain().get();
}

double first_token_ms(Session& session) {
  return tools::answer_all(session, {question("What do you see?", 4)}).front().ttft_ms;
}

double usual_first_token_ms(Session& session) {
  std::vector<double> first_ms;
  for (int i = 0; i < kQuestions; ++i) first_ms.push_back(first_token_ms(session));
  return median(std::move(first_ms));
}

}  // namespace

// How long a question waits for its first token: early in a stream, late in it with a full window,
// and where that window has to be read first, as it has before the first question of all.
void bench_ttft(const Bench& bench) {
  const ModelInfo& info = bench.engine->info();
  const std::vector<Tokens> frames = random_frames(info, 64);
  SessionOptions options;
  options.window_tokens = window_of(info);
  const auto session = bench.engine->create_session(options);
  play(*session, frames, 0, kEarly, bench.stop);
  first_token_ms(*session);
  const double early_ms = usual_first_token_ms(*session);
  std::vector<double> read_ms;
  for (int i = 0; i < kReads && !bench.stop.stop_requested(); ++i) {
    session->flush();
    play(*session, frames, 0, kLate, bench.stop);
    read_ms.push_back(first_token_ms(*session));
  }
  const double late_ms = usual_first_token_ms(*session);
  const int held = session->stats().window_visual_tokens;
  if (bench.stop.stop_requested()) return;
  const double reading_ms = median(std::move(read_ms));
  bench.show({"ttft.near_10_s", early_ms, "ms", std::nullopt, ""});
  bench.show({"ttft.near_590_s", late_ms, "ms", late_ms / early_ms, "that near 10 s"});
  bench.show({"ttft.window", static_cast<double>(held), "visual tokens",
              static_cast<double>(held) / options.window_tokens, "a full window"});
  bench.show({"ttft.reading_that_window", reading_ms, "ms", reading_ms / late_ms,
              "the first token near 590 s"});
}

}  // namespace m3::bench
