#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "tools/common/command_line.h"
#include "tools/common/progress.h"
#include "tools/dataset/annotations.h"
#include "tools/m3_eval/curve_plot.h"
#include "tools/m3_eval/granularity.h"
#include "tools/m3_eval/question_maker.h"
#include "tools/m3_eval/report.h"
#include "tools/m3_eval/studies.h"

namespace m3::eval {
namespace {

std::vector<SetQuestion> questions_for(const GranularityOptions& options) {
  if (!options.questions.empty()) return read_question_set(options.questions, options.limit);
  return some_of(
      make_questions(dataset::read_annotations(options.data, options.split), options.seed),
      options.limit, options.seed);
}

}  // namespace

int study_granularity(const GranularityOptions& options, std::stop_token stop) {
  const auto questions = questions_for(options);
  if (questions.empty()) {
    throw Error(ErrorCode::kNotFound,
                options.data + ": nothing can be asked about its annotations");
  }
  if (options.print_questions) {
    for (const auto& question : questions) std::printf("%s\n", to_json_line(question).c_str());
    return tools::kExitDone;
  }
  tools::Progress progress;
  const auto engine = shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
  const Study study = ask_at_all_scales(
      engine, questions, options.data, options.blind, stop,
      [&](double fraction, const std::string& what) { progress.update(fraction, what); });
  progress.clear();
  const auto tables = tables_of(study, questions);
  if (!tables.empty()) {
    const std::string text =
        options.json ? to_json_lines(tables, study.ladder) : to_text(tables, study.ladder);
    std::fputs(text.c_str(), stdout);
    if (!options.plot.empty()) plot_tables(tables, study.ladder, options.plot);
  }
  if (!study.failures.empty()) {
    tools::print_error(
        kTool, std::to_string(study.failures.size()) +
                   " pictures could not be asked about, the first: " + study.failures.front());
  }
  if (study.interrupted) {
    tools::print_error(kTool, "interrupted after " + std::to_string(study.records.size()) + " of " +
                                  std::to_string(questions.size()) + " questions");
  }
  return study.failures.empty() && !study.interrupted ? tools::kExitDone : tools::kExitFailed;
}

}  // namespace m3::eval
