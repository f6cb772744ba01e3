#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/m3_ask/list_run.h"
#include "tools/m3_ask/modes.h"
#include "tools/m3_ask/picture_options.h"
#include "tools/m3_ask/question_file.h"
#include "tools/pictures/picture_asker.h"

namespace m3::ask {
namespace {

std::vector<tools::ShownPicture> to_shown(const WindowLine& line, const ModelInfo& model,
                                          const std::string& image_root) {
  std::vector<tools::ShownPicture> window;
  for (const WindowFrame& frame : line.frames) {
    const int64_t pts_ns = frame.second ? std::llround(*frame.second * 1e9) : kNoTime;
    window.push_back(
        {under(image_root, frame.file), pts_ns, frame.scale.value_or(model.ladder.back())});
  }
  return window;
}

// Checks all scales; the visual tokens of the largest window.
int largest_window(const std::vector<WindowLine>& lines, const ModelInfo& model,
                   const std::string& path) {
  int64_t largest = 0;
  for (const WindowLine& line : lines) {
    int64_t sum = 0;
    for (const WindowFrame& frame : line.frames) {
      const int scale = frame.scale.value_or(model.ladder.back());
      check_scale(model, scale, path + ":" + std::to_string(line.index + 1));
      sum += scale;
    }
    largest = std::max(largest, sum);
  }
  return static_cast<int>(largest);
}

}  // namespace

int ask_windows(const Options& options, Printer& printer, std::stop_token stop) {
  RunReport report(printer);
  const std::vector<WindowLine> lines = read_window_file(options.windows_file);
  const auto engine = open_engine(options, printer, stop);
  SessionOptions session = options.session;
  session.window_tokens =
      largest_window(lines, engine->info(), options.windows_file);  // shown as given

  tools::PictureAsker asker(engine, session, options.question, stop);
  ListRun run(printer, report, lines.size());
  for (const WindowLine& line : lines) {
    run.progress(options.windows_file);
    std::optional<Answer> answer =
        asker.ask(to_shown(line, engine->info(), options.image_root), line.question);
    if (!answer) {
      run.interrupted();
      break;
    }
    AnswerLine out = make_answer_line(run.next_number(), line.question, *std::move(answer));
    out.index = line.index;
    run.answer(out);
  }
  run.close();
  report.add(asker.totals());
  return report.finish();
}

}  // namespace m3::ask
