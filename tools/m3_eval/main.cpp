// m3-eval: how right a model's answers are, at every scale.
#include <cstdio>
#include <memory>
#include <vector>

#include "core/error.h"
#include "tools/common/command_line.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/common/progress.h"
#include "tools/dataset/annotations.h"
#include "tools/m3_eval/granularity.h"
#include "tools/m3_eval/options.h"
#include "tools/m3_eval/question_maker.h"
#include "tools/m3_eval/report.h"

namespace {

using namespace m3;

constexpr char kTool[] = "m3-eval";

std::vector<eval::SetQuestion> questions_for(const eval::Options& options) {
  if (!options.questions.empty()) return eval::read_question_set(options.questions, options.limit);
  return eval::some_of(
      eval::make_questions(dataset::read_annotations(options.data, options.split), options.seed),
      options.limit, options.seed);
}

int run(const eval::Options& options, std::stop_token stop) {
  const auto questions = questions_for(options);
  if (questions.empty()) {
    throw Error(ErrorCode::kNotFound,
                options.data + ": nothing can be asked about its annotations");
  }
  if (options.print_questions) {
    for (const auto& question : questions)
      std::printf("%s\n", eval::to_json_line(question).c_str());
    return tools::kExitDone;
  }
  tools::Progress progress;
  const auto engine = shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
  const eval::Study study = eval::ask_at_all_scales(
      engine, questions, options.data, options.blind, stop,
      [&](double fraction, const std::string& what) { progress.update(fraction, what); });
  progress.clear();
  const auto tables = eval::tables_of(study, questions);
  if (!tables.empty()) {
    const std::string text = options.json ? eval::to_json_lines(tables, study.ladder)
                                          : eval::to_text(tables, study.ladder);
    std::fputs(text.c_str(), stdout);
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

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = eval::parse_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  tools::tune_process();
  const tools::Interrupt interrupt;  // before any other thread
  return tools::run_guarded(
      kTool, [&] { return run(std::get<eval::Options>(parsed), interrupt.token()); });
}
