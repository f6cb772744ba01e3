// m3-bench: speeds as shares of what this machine can do and of what peers do.
#include <string_view>
#include <thread>

#include "tools/common/command_line.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/common/progress.h"
#include "tools/m3_bench/benches.h"
#include "tools/m3_bench/ceilings.h"

namespace {

using namespace m3;

int run(const bench::Options& options, std::stop_token stop) {
  const auto show = [&](const bench::Figure& figure) { bench::print(figure, options.json); };
  const int threads = options.engine.threads > 0
                          ? options.engine.threads
                          : static_cast<int>(std::thread::hardware_concurrency());
  std::shared_ptr<Engine> engine;
  {
    tools::Progress progress;
    engine = shared_engine(
        options.engine,
        [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
  }
  // Sessions side by side and endless streams are compared with themselves.
  const bool ceilings = !options.what.contains("soak") && !options.what.contains("streams") &&
                        !options.what.contains("ttft");
  const double bandwidth = ceilings ? bench::memory_bandwidth_gb_s(threads) : 0;
  const double gflops = ceilings ? bench::float32_gflops(threads) : 0;
  if (ceilings) {
    show({"machine.memory_bandwidth", bandwidth, "GB/s", std::nullopt, ""});
    show({"machine.float32_products", gflops, "GFLOP/s", std::nullopt, ""});
  }
  const bench::Bench all{options, engine, threads, bandwidth, gflops, stop, show};
  if (options.what.contains("encode")) bench::bench_encode(all);
  if (options.what.contains("llava")) bench::bench_llava(all);
  if (options.what.contains("prefill")) bench::bench_prefill(all);
  if (options.what.contains("decode")) bench::bench_decode(all);
  if (options.what.contains("soak")) bench::bench_soak(all);
  if (options.what.contains("stream")) bench::bench_stream(all);
  if (options.what.contains("streams")) bench::bench_streams(all);
  if (options.what.contains("train")) bench::bench_train(all);
  if (options.what.contains("ttft")) bench::bench_ttft(all);
  return stop.stop_requested() ? tools::kExitFailed : tools::kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = bench::parse_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  tools::tune_process();
  const tools::Interrupt interrupt;  // before any other thread
  return tools::run_guarded(
      "m3-bench", [&] { return run(std::get<bench::Options>(parsed), interrupt.token()); });
}
