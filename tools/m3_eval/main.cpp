// m3-eval: how right a model's answers are, at every scale, on clips, and with scales chosen frame
// by frame.
#include <variant>

#include "tools/common/command_line.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/m3_eval/studies.h"

namespace {

using namespace m3::eval;

struct Study {
  std::stop_token stop;

  int operator()(const GranularityOptions& options) const {
    return study_granularity(options, stop);
  }
  int operator()(const VideoOptions& options) const { return study_video(options, stop); }
  int operator()(const ControlOptions& options) const { return study_control(options, stop); }
  int operator()(const MemoryOptions& options) const { return study_memory(options, stop); }
  int operator()(int) const { return m3::tools::kExitDone; }
};

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  m3::tools::tune_process();
  const m3::tools::Interrupt interrupt;  // before any other thread
  return m3::tools::run_guarded(kTool,
                                [&] { return std::visit(Study{interrupt.token()}, parsed); });
}
