#include <cstdio>
#include <string>
#include <string_view>

#include "tools/common/command_line.h"
#include "tools/common/progress.h"
#include "tools/dataset/annotations.h"
#include "tools/m3_eval/memory_figures.h"
#include "tools/m3_eval/memory_report.h"
#include "tools/m3_eval/memory_study.h"
#include "tools/m3_eval/studies.h"

namespace m3::eval {

int study_memory(const MemoryOptions& options, std::stop_token stop) {
  const auto pictures = dataset::read_annotations(options.data, options.split);
  tools::Progress progress;
  const auto engine = shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
  const auto records = run_memory_study(
      engine, options.data, pictures, options.plan, stop,
      [&](double fraction, const std::string& what) { progress.update(fraction, what); });
  progress.clear();
  const auto rows = rows_of(records);
  const auto leads = leads_of(records);
  std::fputs((options.json ? to_json_lines(rows, leads) : to_text(rows, leads)).c_str(), stdout);
  if (!stop.stop_requested()) return tools::kExitDone;
  tools::print_error(kTool, "interrupted");
  return tools::kExitFailed;
}

}  // namespace m3::eval
