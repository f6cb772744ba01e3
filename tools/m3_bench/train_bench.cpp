#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/model/model_config.h"
#include "core/trainer.h"
#include "tools/common/command_line.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/peer_process.h"

namespace m3::bench {
namespace {

constexpr int kTurns = 5;
constexpr int kStepsATurn = 2;
constexpr size_t kPictures = 4;                         // of a step, each at another scale
constexpr int kQuestions = 5;                           // about each
constexpr std::chrono::milliseconds kBetweenTurns{60};  // thread pools spin for a while

class NoisePictures final : public TrainingPictures {
 public:
  size_t size() const override { return kPictures; }
  std::string key(size_t i) const override { return std::to_string(i); }
  RgbPicture load(size_t i) const override {
    RgbPicture picture{64, 64, std::vector<uint8_t>(size_t{64} * 64 * 3)};
    uint32_t state = static_cast<uint32_t>(i) + 1;
    for (uint8_t& byte : picture.rgb)
      byte = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
    return picture;
  }
};

constexpr char kQuestion[] = "How many people are in the picture?";
constexpr char kAnswer[] = "two people";

std::vector<TrainingExample> examples(const std::vector<int>& ladder) {
  std::vector<TrainingExample> made(kPictures);
  for (size_t i = 0; i < made.size(); ++i) {
    made[i].frames = {{i, std::nullopt, ladder[i % ladder.size()]}};
    made[i].turns.assign(kQuestions, {kQuestion, kAnswer, "count"});
  }
  return made;
}

// The same step's shapes, for the peer.
nlohmann::json shapes(const Bench& bench, const ModelConfig& config) {
  const auto tokens = [&](const std::string& text) { return bench.engine->tokenize(text).size(); };
  const size_t question = tokens(config.chat.question_text(kQuestion));
  const size_t answer = tokens(kAnswer) + 1;
  nlohmann::json windows = nlohmann::json::array();
  for (const TrainingExample& example : examples(config.ladder)) {
    windows.push_back({{"marker", tokens(config.chat.marker_text(kNoTime))},
                       {"scale", example.frames.front().scale},
                       {"branches", nlohmann::json::array()}});
    for (int i = 0; i < kQuestions; ++i) windows.back()["branches"].push_back({question, answer});
  }
  const LlmShape& llm = *config.llm;
  return {{"hidden", llm.hidden},
          {"intermediate", llm.intermediate},
          {"layers", llm.layers},
          {"heads", llm.heads},
          {"kv_heads", llm.kv_heads},
          {"head_dim", llm.head_dim},
          {"vocabulary", llm.vocabulary},
          {"features", config.tower.features},
          {"projector", config.projector.hidden},
          {"grid", config.tower.grid},
          {"rank", config.updates.rank},
          {"threads", bench.threads},
          {"bfloat16", bench.engine->info().dtype == "bfloat16"},
          {"prefix", tokens(config.chat.prefix_text({}))},
          {"windows", windows}};
}

std::unique_ptr<PeerProcess> start_peer(const Bench& bench, const ModelConfig& config) {
  if (bench.engine->info().device != "cpu" || !config.llm) return nullptr;
  try {
    return std::make_unique<PeerProcess>(bench.options.python,
                                         Peer{"PyTorch", "torch_train.py", "torch"},
                                         std::vector<std::string>{shapes(bench, config).dump()});
  } catch (const Error& error) {
    tools::print_error("m3-bench", error.what());
    return nullptr;
  }
}

}  // namespace

void bench_train(const Bench& bench) {
  const std::string& name = bench.options.engine.model;
  if (name.starts_with("fake:") || name.starts_with("random:")) return;  // nothing to begin with
  const ModelConfig config = read_model_config(find_model(name));
  const std::unique_ptr<PeerProcess> peer = start_peer(bench, config);
  const NoisePictures pictures;
  TrainerOptions options;
  options.model = name;
  options.device = bench.options.engine.device;
  options.dtype = bench.options.engine.dtype;
  options.threads = bench.threads;
  const std::unique_ptr<Trainer> trainer = open_trainer(options, pictures, {}, bench.stop);
  const std::vector<TrainingExample> batch = examples(trainer->ladder());
  StepOptions step;
  step.rate = 1e-4;
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  for (int turn = 0; turn <= kTurns && !bench.stop.stop_requested(); ++turn) {
    std::vector<double> times;
    for (int run = 0; run < kStepsATurn; ++run) {
      const auto begin = std::chrono::steady_clock::now();
      trainer->step(batch, step);
      times.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
              .count());
    }
    std::this_thread::sleep_for(kBetweenTurns);
    const std::vector<double> peer_times = peer ? peer->run(kStepsATurn) : std::vector<double>();
    std::this_thread::sleep_for(kBetweenTurns);
    if (turn == 0) continue;  // warm-up
    ours.insert(ours.end(), times.begin(), times.end());
    theirs.insert(theirs.end(), peer_times.begin(), peer_times.end());
    if (!peer_times.empty()) ratios.push_back(median(times) / median(peer_times));
  }
  if (ours.empty()) return;
  Figure figure{"train.step", median(ours), "ms", std::nullopt, ""};
  if (peer) {
    // By turns: what else the machine does meets both sides alike.
    figure.ratio = median(ratios);
    figure.of = "PyTorch " + peer->version();
  }
  bench.show(figure);
  if (peer) bench.show({"train.step_pytorch", median(theirs), "ms", std::nullopt, ""});
}

}  // namespace m3::bench
