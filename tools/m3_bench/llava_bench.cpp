#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/model/llava_config.h"
#include "tools/common/command_line.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/peer_process.h"

namespace m3::bench {
namespace {

constexpr int kTurns = 4;
constexpr int kRunsATurn = 3;
// Thread pools spin for a while after their last work; the other side must not pay for that.
constexpr std::chrono::milliseconds kBetweenTurns{60};

struct Paired {
  std::vector<double> ours;
  std::vector<double> theirs;
};

void append(std::vector<double>& to, const auto& from) {
  to.insert(to.end(), from.begin(), from.end());
}

const TraceTensor& tensor_of(const std::vector<TraceTensor>& trace, const std::string& name) {
  const auto found = std::find_if(trace.begin(), trace.end(),
                                  [&](const TraceTensor& tensor) { return tensor.name == name; });
  if (found == trace.end()) throw Error(ErrorCode::kInternal, "the trace has no " + name);
  return *found;
}

// One picture's tokens at this scale, timed stage by stage.
TraceRequest request_of(const LlavaConfig& config, int scale) {
  const int64_t side = config.fit.size_px;
  TraceTensor pixels{"pixel_values", {1, 3, side, side}, {}, {}};
  pixels.values.resize(static_cast<size_t>(3 * side * side));
  for (size_t i = 0; i < pixels.values.size(); ++i) {
    pixels.values[i] = static_cast<float>(i * 31 % 257) / 128 - 1;
  }
  TraceRequest request;
  request.pixel_values = std::move(pixels);
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
    const std::string& name = bench.options.engine.model;
    const std::string& dtype = bench.engine->info().dtype;
    if (bench.engine->info().device != "cpu") return;
    std::vector<std::string> arguments = {config.folder, "--dtype", dtype, "--threads",
                                          std::to_string(bench.threads)};
    if (name.starts_with("random:")) arguments.emplace_back("--random");
    try {
      peer_ = std::make_unique<PeerProcess>("transformers", bench.options.python,
                                            "transformers_llava.py", arguments,
                                            "torch and transformers");
    } catch (const Error& error) {
      tools::print_error("m3-bench", error.what());
    }
  }

  // The stages of a picture at this scale, each beside what the peer does for the same command:
  // "tower", "prefill" and "decode".
  std::map<std::string, Paired> run(int scale, const std::vector<std::string>& stages) {
    std::map<std::string, Paired> paired;
    for (int turn = 0; turn <= kTurns && !bench_.stop.stop_requested(); ++turn) {
      const auto trace = bench_.engine->trace(request_of(config_, scale));
      const std::string rows = std::to_string(tensor_of(trace, "input_ids").ids.size());
      for (const std::string& stage : stages) {
        std::this_thread::sleep_for(kBetweenTurns);
        const std::string line = (stage == "tower" ? stage : stage + " " + rows) + " ";
        const auto theirs =
            peer_ ? peer_->ask(line + std::to_string(kRunsATurn)) : std::vector<double>();
        if (turn == 0) continue;  // warm-up
        append(paired[stage].ours, tensor_of(trace, stage + "_ms").values);
        append(paired[stage].theirs, theirs);
      }
      std::this_thread::sleep_for(kBetweenTurns);
    }
    return paired;
  }

  void show(const std::string& name, const Paired& paired) const {
    if (paired.ours.empty()) return;
    Figure figure{name, median(paired.ours), "ms", std::nullopt, ""};
    if (!paired.theirs.empty()) {
      figure.ratio = median(paired.ours) / median(paired.theirs);
      figure.of = peer_->name() + ", " + std::to_string(median(paired.theirs)) + " ms";
    }
    bench_.show(figure);
  }

 private:
  const Bench& bench_;
  const LlavaConfig& config_;
  std::unique_ptr<PeerProcess> peer_;
};

}  // namespace

void bench_llava(const Bench& bench) {
  if (bench.engine->info().family != "llava") {
    throw Error(ErrorCode::kInvalidArgument,
                "m3-bench llava: model " + bench.options.engine.model +
                    " is no LLaVA model in Hugging Face's layout, so there is nothing to compare");
  }
  const std::string& name = bench.options.engine.model;
  std::string path = name.starts_with("random:") ? name.substr(7) : find_model(name);
  if (name.starts_with("random:")) path.resize(std::min(path.size(), path.rfind(',')));
  const LlavaConfig config = read_llava_config(path);
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
    const ModelInfo& info = bench.engine->info();
    const double gigabytes =
        static_cast<double>(info.llm_block_parameters + info.llm_head_parameters) *
        (info.dtype == "float32" ? 4 : 2) * 1e-9;
    const double rate = gigabytes / median(decode.ours) * 1e3;
    bench.show({"llava.weights_read_" + tokens, rate, "GB/s", rate / bench.bandwidth_gb_s,
                "the machine's memory bandwidth"});
  }
}

}  // namespace m3::bench
