// m3-train: teaches a model on one's own pictures.
#include <cstdio>
#include <string>
#include <variant>

#include "tools/common/command_line.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/m3_train/options.h"
#include "tools/m3_train/training_run.h"

namespace {

using namespace m3;

constexpr char kTool[] = "m3-train";

int run(const train::Options& options, std::stop_token stop) {
  train::TrainingRun training(options, stop);
  const bool packing = !options.pack_to.empty();
  const bool done = packing ? training.pack() : training.run();
  const train::RunState& state = training.state();
  if (!done) {
    tools::print_error(kTool, "interrupted after step " + std::to_string(state.step) +
                                  "; the same command goes on from there");
    return tools::kExitFailed;
  }
  if (packing) {
    std::printf(
        "%s holds the run after %lld steps; carry all of it over, then: m3-train --data "
        "%s --out RUN\n",
        options.pack_to.c_str(), static_cast<long long>(state.step), options.pack_to.c_str());
    return tools::kExitDone;
  }
  std::printf("%lld steps, %llu examples, %.0f s; the model is %s/model\n",
              static_cast<long long>(state.step), static_cast<unsigned long long>(state.examples),
              state.seconds, options.out.c_str());
  return tools::kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  int code = tools::kExitDone;
  std::variant<train::Options, int> parsed = 0;
  code = tools::run_guarded(kTool, [&] {
    parsed = train::parse_options(argc, argv);
    return tools::kExitDone;
  });
  if (code != tools::kExitDone) return code;
  if (const int* early = std::get_if<int>(&parsed)) return *early;
  tools::tune_process();
  const tools::Interrupt interrupt;  // before any other thread
  return tools::run_guarded(
      kTool, [&] { return run(std::get<train::Options>(parsed), interrupt.token()); });
}
