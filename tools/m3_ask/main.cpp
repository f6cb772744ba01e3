// m3-ask: asks about a video, pictures, or nothing but text. Reads the command line and hands over
// to one of the modes.
#include "tools/common/command_line.h"
#include "tools/common/interrupt.h"
#include "tools/common/process.h"
#include "tools/m3_ask/modes.h"
#include "tools/m3_ask/options.h"
#include "tools/m3_ask/printer.h"

namespace m3::ask {
namespace {

int ask(const Options& options, Printer& printer, std::stop_token stop) {
  if (options.plays_video()) return ask_video(options, printer, stop);
  if (!options.questions_file.empty()) return ask_question_file(options, printer, stop);
  if (!options.windows_file.empty()) return ask_windows(options, printer, stop);
  return ask_pictures(options, printer, stop);
}

}  // namespace
}  // namespace m3::ask

int main(int argc, char** argv) {
  const auto parsed = m3::ask::parse_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const auto& options = std::get<m3::ask::Options>(parsed);

  m3::tools::tune_process();
  const m3::tools::Interrupt interrupt;  // before any other thread
  const bool show_questions = options.questions.size() != 1;
  m3::ask::Printer printer(options.json, show_questions);
  return m3::tools::run_guarded("m3-ask",
                                [&] { return m3::ask::ask(options, printer, interrupt.token()); });
}
