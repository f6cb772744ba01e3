#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/model/model_config.h"
#include "tools/common/command_line.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/config_path.h"
#include "tools/m3_bench/peer_process.h"
#include "tools/m3_bench/test_picture.h"

namespace m3::bench {
namespace {

constexpr int kTurns = 8;
constexpr int kRunsATurn = 6;
// Thread pools spin for a while after their last work; the other side must not pay for that.
constexpr std::chrono::milliseconds kBetweenTurns{60};

// The pixels that the peer uses too.
TraceTensor peer_pixels(int64_t size) {
  TraceTensor pixels{"pixel_values", {1, 3, size, size}, {}, {}};
  for (int64_t channel = 0; channel < 3; ++channel) {
    for (int64_t row = 0; row < size; ++row) {
      for (int64_t column = 0; column < size; ++column) {
        pixels.values.push_back(static_cast<float>((31 * channel + 7 * row + 13 * column) % 256));
      }
    }
  }
  return pixels;
}

const std::vector<float>& values_of(const std::vector<TraceTensor>& trace,
                                    const std::string& name) {
  for (const TraceTensor& tensor : trace) {
    if (tensor.name == name) return tensor.values;
  }
  throw Error(ErrorCode::kInternal, "the trace has no " + name);
}

// The peer, if the model is one whose graph it can take and its packages are installed.
std::unique_ptr<PeerProcess> start_peer(const Bench& bench, const ModelConfig& config) {
  if (bench.engine->info().device != "cpu" || !config.tower.weights) return nullptr;
  try {
    return std::make_unique<PeerProcess>(
        bench.options.python,
        Peer{"ONNX Runtime", "ort_tower.py", "onnx, onnxruntime, numpy and safetensors"},
        std::vector<std::string>{config.folder, find_base_file(config, *config.tower.weights),
                                 "--threads", std::to_string(bench.threads)});
  } catch (const Error& error) {
    tools::print_error("m3-bench", error.what());
    return nullptr;
  }
}

void bench_frames(const Bench& bench) {
  const TestPicture picture;
  const int finest = bench.engine->info().ladder.back();
  std::vector<double> times;
  for (int run = 0; run < 40 && !bench.stop.stop_requested(); ++run) {
    const auto begin = std::chrono::steady_clock::now();
    bench.engine->encode({picture.view(), finest}).get();
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  if (!times.empty()) bench.show({"encode.frame_720p", median(times), "ms", std::nullopt, ""});
}

}  // namespace

void bench_encode(const Bench& bench) {
  bench_frames(bench);
  const std::string& name = bench.options.engine.model;
  // The first has no tower; the second's is measured by bench_llava().
  if (name.starts_with("fake:") || bench.engine->info().family == "llava") return;
  const ModelConfig config = read_model_config(config_path(name));
  const std::unique_ptr<PeerProcess> peer = is_random(name) ? nullptr : start_peer(bench, config);
  TraceRequest request;
  request.pixel_values = peer_pixels(config.preprocess.size_px);
  request.prompt = "?";
  request.scale = bench.engine->info().ladder.front();
  request.max_new_tokens = 0;
  request.time_runs = kRunsATurn;
  std::vector<double> tower;
  std::vector<double> projector;
  std::vector<double> theirs;
  for (int turn = 0; turn <= kTurns && !bench.stop.stop_requested(); ++turn) {
    const std::vector<TraceTensor> trace = bench.engine->trace(request);
    std::this_thread::sleep_for(kBetweenTurns);
    const std::vector<double> peer_times = peer ? peer->run(kRunsATurn) : std::vector<double>();
    std::this_thread::sleep_for(kBetweenTurns);
    if (turn == 0) {  // warm-up; and both must compute the same
      const std::vector<float>& output = values_of(trace, "tower");
      const double norm = std::sqrt(std::transform_reduce(
          output.begin(), output.end(), 0.0, std::plus<>(), [](float x) { return double{x} * x; }));
      if (peer && std::abs(norm / peer->ready().at("norm").get<double>() - 1) > 1e-3) {
        throw Error(ErrorCode::kInternal, "ONNX Runtime's tower and ours give different outputs");
      }
      continue;
    }
    const auto append = [](std::vector<double>& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(tower, values_of(trace, "tower_ms"));
    append(projector, values_of(trace, "projector_ms"));
    append(theirs, peer_times);
  }
  if (tower.empty()) return;
  Figure figure{"encode.tower", median(tower), "ms", std::nullopt, ""};
  if (peer) {
    figure.ratio = median(tower) / median(theirs);
    figure.of = "ONNX Runtime " + peer->version();
  }
  bench.show(figure);
  if (peer) bench.show({"encode.tower_onnxruntime", median(theirs), "ms", std::nullopt, ""});
  bench.show({"encode.projector", median(projector), "ms", std::nullopt, ""});
}

}  // namespace m3::bench
