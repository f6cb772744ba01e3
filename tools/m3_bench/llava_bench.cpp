#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/model/llava_config.h"
#include "tools/common/command_line.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/config_path.h"
#include "tools/m3_bench/peer_process.h"

namespace m3::bench {
namespace {

constexpr int kTurns = 4;
constexpr int kRunsATurn = 3;
// Thread pools spin for a while after their last work; the other side must not pay for that.
constexpr std::chrono::milliseconds kBetweenTurns{60};

// Milliseconds. A ratio for each turn: what else the machine does meets both sides alike.
struct Paired {
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
};

const TraceTensor& tensor_of(const std::vector<TraceTensor>& trace, const std::string& name) {
  const auto found = std::find_if(trace.begin(), trace.end(),
                                  [&](const TraceTensor& tensor) { return tensor.name == name; });
  if (found == trace.end()) throw Error(ErrorCode::kInternal, "the trace has no " + name);
  return *found;
}

// The pixels that the peer uses too.
TraceTensor peer_pixels(int64_t side) {
  TraceTensor pixels{"pixel_values", {1, 3, side, side}, {}, {}};
  pixels.values.resize(static_cast<size_t>(3 * side * side));
  for (size_t i = 0; i < pixels.values.size(); ++i) {
    pixels.values[i] = static_cast<float>(i * 31 % 257) / 128 - 1;
  }
  return pixels;
}

// One picture's tokens at this scale, every stage timed.
TraceRequest request_of(const LlavaConfig& config, int scale) {
  TraceRequest request;
  request.pixel_values = peer_pixels(config.fit.size_px);
  request.scale = scale;
  request.prompt = "<image>";
  request.raw_prompt = true;
  request.max_new_tokens = 1;
  request.time_runs = kRunsATurn;
  return request;
}

class PairedRun {
 public:
  PairedRun(const Bench& bench, const LlavaConfig& config) : bench_(bench), config_(config) {
    const std::string& model = bench.options.engine.model;
    const ModelInfo& info = bench.engine->info();
    std::vector<std::string> arguments = {
        config.folder, "--dtype",  info.dtype, "--threads", std::to_string(bench.threads),
        "--device",    info.device};
    if (is_random(model)) {
      arguments.front() = config_path(model);
      arguments.emplace_back("--random");
    }
    try {
      peer_ = std::make_unique<PeerProcess>(
          bench.options.python,
          Peer{"transformers", "transformers_llava.py", "torch and transformers"}, arguments);
    } catch (const Error& error) {
      tools::print_error("m3-bench", error.what());
    }
  }

  // The stages of a picture at this scale, "tower", "prefill" or "decode", each beside what the
  // peer does when it is told the same.
  std::map<std::string, Paired> run(int scale, const std::vector<std::string>& stages) {
    std::map<std::string, Paired> paired;
    const TraceRequest request = request_of(config_, scale);
    for (int turn = 0; turn <= kTurns && !bench_.stop.stop_requested(); ++turn) {
      const std::vector<TraceTensor> trace = bench_.engine->trace(request);
      if (turn == 0) check_alike(tensor_of(trace, "tower"));
      const std::string rows = std::to_string(tensor_of(trace, "input_ids").ids.size());
      for (const std::string& stage : stages) {
        std::this_thread::sleep_for(kBetweenTurns);
        const std::string what = stage == "tower" ? stage : stage + " " + rows;
        const std::vector<double> theirs =
            peer_ ? peer_->ask(what + " " + std::to_string(kRunsATurn)) : std::vector<double>();
        if (turn > 0) add(paired[stage], tensor_of(trace, stage + "_ms").values, theirs);
      }
      std::this_thread::sleep_for(kBetweenTurns);
    }
    return paired;
  }

  void show(const std::string& name, const Paired& paired) const {
    if (paired.ours.empty()) return;
    Figure figure{name, median(paired.ours), "ms", std::nullopt, ""};
    if (!paired.ratios.empty()) {
      figure.ratio = median(paired.ratios);
      figure.of = "transformers " + peer_->version();
    }
    bench_.show(figure);
    if (!paired.theirs.empty())
      bench_.show({name + "_peer", median(paired.theirs), "ms", std::nullopt, ""});
  }

 private:
  static void add(Paired& paired, const std::vector<float>& ours,
                  const std::vector<double>& theirs) {
    paired.ours.insert(paired.ours.end(), ours.begin(), ours.end());
    paired.theirs.insert(paired.theirs.end(), theirs.begin(), theirs.end());
    if (!theirs.empty())
      paired.ratios.push_back(median({ours.begin(), ours.end()}) / median(theirs));
  }

  // Both must compute the same where they have the same weights.
  void check_alike(const TraceTensor& tower) const {
    if (!peer_ || !peer_->ready().contains("norm")) return;
    const double norm =
        std::sqrt(std::transform_reduce(tower.values.begin(), tower.values.end(), 0.0,
                                        std::plus<>(), [](float x) { return double{x} * x; }));
    const double most = bench_.engine->info().dtype == "float32" ? 1e-3 : 2e-2;
    if (std::abs(norm / peer_->ready()["norm"].get<double>() - 1) > most) {
      throw Error(ErrorCode::kInternal, "transformers' tower and ours give different outputs");
    }
  }

  const Bench& bench_;
  const LlavaConfig& config_;
  std::unique_ptr<PeerProcess> peer_;  // none: it is not installed
};

}  // namespace

void bench_llava(const Bench& bench) {
  const ModelInfo& info = bench.engine->info();
  if (info.family != "llava") {
    throw Error(ErrorCode::kInvalidArgument,
                bench.options.engine.model +
                    " is no LLaVA model in Hugging Face's layout: llava has nothing to measure");
  }
  const LlavaConfig config = read_llava_config(config_path(bench.options.engine.model));
  PairedRun pairs(bench, config);
  const std::vector<int>& ladder = config.ladder;
  pairs.show("llava.tower", pairs.run(ladder.front(), {"tower"})["tower"]);
  for (const int scale : {1, 36, 576}) {
    if (std::find(ladder.begin(), ladder.end(), scale) == ladder.end()) continue;
    const std::string tokens = std::to_string(scale);
    auto paired = pairs.run(scale, {"prefill", "decode"});
    pairs.show("llava.prefill_" + tokens, paired["prefill"]);
    const Paired& decode = paired["decode"];
    pairs.show("llava.decode_" + tokens, decode);
    if (decode.ours.empty()) continue;
    const double gigabytes =
        static_cast<double>(info.llm_block_parameters + info.llm_head_parameters) *
        (info.dtype == "float32" ? 4 : 2) * 1e-9;
    const double rate = gigabytes / median(decode.ours) * 1e3;
    bench.show({"llava.weights_read_" + tokens, rate, "GB/s", rate / bench.bandwidth_gb_s,
                "the machine's memory bandwidth"});
  }
}

}  // namespace m3::bench
