#include <utility>

#include "core/error.h"
#include "tools/m3_ask/modes.h"
#include "tools/m3_ask/picture_options.h"
#include "tools/m3_ask/run_report.h"
#include "tools/pictures/picture_asker.h"

namespace m3::ask {

int ask_pictures(const Options& options, Printer& printer, std::stop_token stop) {
  RunReport report(printer);
  const auto engine = open_engine(options, printer, stop);
  if (options.scale != 0) check_scale(engine->info(), options.scale, "--scale");
  const int scale =
      options.scale != 0 ? options.scale : automatic_scale(engine->info(), options.images.size());
  std::vector<tools::ShownPicture> window;
  for (const std::string& path : options.images) window.push_back({path, kNoTime, scale});

  SessionOptions session = options.session;
  if (session.window_tokens == 0) session.window_tokens = scale * static_cast<int>(window.size());
  tools::PictureAsker asker(engine, session, options.question, stop);
  size_t number = 0;
  for (const std::string& question : options.questions) {
    std::optional<Answer> answer = asker.ask(window, question);
    if (!answer) {
      printer.error("interrupted");
      report.fail();
      break;
    }
    if (answer->finish == Finish::kError) {
      printer.error(answer->error);
      report.fail();
    }
    printer.answer(make_answer_line(++number, question, *std::move(answer)));
  }
  report.add(asker.totals());
  return report.finish();
}

}  // namespace m3::ask
