// m3-inspect: what a model is, its token ids, and one run with every stage written down.
#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/common/progress.h"
#include "tools/m3_inspect/model_report.h"
#include "tools/m3_inspect/options.h"
#include "tools/m3_inspect/print_report.h"
#include "tools/m3_inspect/tokenize.h"
#include "tools/m3_inspect/trace_run.h"

namespace {

constexpr char kTool[] = "m3-inspect";

std::shared_ptr<m3::Engine> open_engine(const m3::inspect::Options& options, std::stop_token stop) {
  m3::tools::Progress progress;
  return m3::shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
}

void print_ids(const std::vector<int32_t>& ids) {
  std::string text = "[";
  for (const int32_t id : ids) text += (text.size() > 1 ? "," : "") + std::to_string(id);
  std::printf("%s]\n", text.c_str());
}

int inspect(const m3::inspect::Options& options, std::stop_token stop) {
  using namespace m3;
  if (options.tokenize) {
    print_ids(inspect::tokenize(options.engine, *options.tokenize, stop));
    return tools::kExitDone;
  }
  if (!options.trace.empty()) {
    inspect::trace_run(*open_engine(options, stop), options);
    return tools::kExitDone;
  }
  const inspect::ModelReport report = inspect::report_model(options.engine);
  if (options.json) {
    std::printf("%s\n", inspect::to_json_line(report).c_str());
  } else {
    std::fputs(inspect::to_text(report).c_str(), stdout);
  }
  const auto problems = report.problems();
  if (problems.empty()) return tools::kExitDone;
  const size_t more = problems.size() - 1;
  const std::string rest = more > 0 ? " (and " + std::to_string(more) + " more of its files)" : "";
  tools::print_error(kTool, problems.front() + rest);
  return tools::kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = m3::inspect::parse_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  m3::tools::tune_process();
  const m3::tools::Interrupt interrupt;  // before any other thread
  return m3::tools::run_guarded(
      kTool, [&] { return inspect(std::get<m3::inspect::Options>(parsed), interrupt.token()); });
}
