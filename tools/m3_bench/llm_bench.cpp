#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "tools/common/answer_box.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/question.h"
#include "tools/m3_bench/test_picture.h"

namespace m3::bench {
namespace {

constexpr int kRounds = 5;
constexpr int kVisualTokensARound = 144;
constexpr int kStepsWanted = 120;
constexpr size_t kTogether = 8;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::unique_ptr<Session> open_session(const Bench& bench) {
  SessionOptions options;
  options.prefill_early = true;
  // Room for all rounds: a frame that is made coarse before its turn costs less than it counts.
  options.window_tokens =
      (kRounds + 1) * std::max(kVisualTokensARound, bench.engine->info().ladder.back());
  return bench.engine->create_session(options);
}

Tokens some_tokens(const Bench& bench) {
  const TestPicture picture;
  return bench.engine->encode({picture.view(), bench.engine->info().ladder.back()}).get();
}

// Decode steps that an answer took behind its first token.
int steps_of(const Answer& answer) {
  return answer.finish == Finish::kStop ? answer.new_tokens : answer.new_tokens - 1;
}

}  // namespace

void bench_prefill(const Bench& bench) {
  const Tokens tokens = some_tokens(bench);
  const ModelInfo& info = bench.engine->info();
  for (const int scale : info.ladder) {
    const auto session = open_session(bench);
    const int frames = std::clamp(kVisualTokensARound / scale, 1, 24);
    std::vector<double> rates;
    for (int round = 0; round <= kRounds && !bench.stop.stop_requested(); ++round) {
      const uint64_t text_before = session->stats().text_tokens;
      const auto begin = std::chrono::steady_clock::now();
      for (int frame = 0; frame < frames; ++frame)
        session->append({tokens.pool_to(scale), kNoTime});
      session->drain().get();
      const double seconds = seconds_since(begin);
      const auto text = static_cast<double>(session->stats().text_tokens - text_before);
      if (round > 0)
        rates.push_back((frames * scale + text) / seconds);  // the first round warms up
    }
    if (rates.empty()) return;
    const double gflops = median(rates) * 2 * static_cast<double>(info.llm_block_parameters) * 1e-9;
    bench.show({"prefill.frames_of_" + std::to_string(scale), median(rates), "tokens/s",
                gflops / bench.gflops, "the machine's matrix rate"});
  }
}

void bench_decode(const Bench& bench) {
  const ModelInfo& info = bench.engine->info();
  const auto session = open_session(bench);
  session->append({some_tokens(bench), kNoTime});
  const double gigabytes_a_step =
      static_cast<double>(info.llm_block_parameters + info.llm_head_parameters) *
      (info.dtype == "float32" ? 4 : 2) * 1e-9;
  const std::string ceiling = "the machine's memory bandwidth";
  std::vector<double> first;
  for (const size_t together : {size_t{1}, kTogether}) {
    std::vector<Question> questions;
    for (size_t i = 0; i < together; ++i) {
      questions.push_back(
          question("Describe everything that you see in this picture" + std::string(i, '!'), 64));
    }
    tools::answer_all(*session, questions);  // warms up
    double milliseconds = 0;
    int steps = 0;
    for (int round = 0; steps < kStepsWanted && round < 60 && !bench.stop.stop_requested();
         ++round) {
      const std::vector<Answer> answers = tools::answer_all(*session, questions);
      double begin = 0;
      double end = 0;
      for (const Answer& answer : answers) {
        steps += steps_of(answer);
        begin = std::max(begin, answer.ttft_ms);
        end = std::max(end, answer.total_ms);
        if (together == 1) first.push_back(answer.ttft_ms);
      }
      milliseconds += end - begin;
    }
    if (steps == 0) continue;
    const double rate = 1000 * steps / milliseconds;
    if (together == 1) {
      bench.show({"decode.first_token", median(first), "ms", std::nullopt, ""});
      bench.show({"decode.step", 1000 / rate, "ms", rate * gigabytes_a_step / bench.bandwidth_gb_s,
                  ceiling});
    } else {
      // Steps that were still made for the slowest questions' first tokens are not counted: a lower
      // bound.
      bench.show({"decode.eight_answers", rate, "tokens/s", std::nullopt, ""});
    }
  }
}

}  // namespace m3::bench
