#include "tools/m3_ask/bus_fields.h"
#include "tools/m3_ask/modes.h"
#include "tools/m3_ask/plugin_finder.h"
#include "tools/m3_ask/run_report.h"
#include "tools/m3_ask/video_player.h"

namespace m3::ask {
namespace {

class PrintingListener final : public VideoListener {
 public:
  PrintingListener(Printer& printer, RunReport& report) : printer_(printer), report_(report) {}

  void on_frame(const GstStructure& frame) override { printer_.frame(frame_line(frame)); }
  void on_answer(size_t, const GstStructure& answer) override {
    const AnswerLine line = answer_line(answer);
    if (line.answer.finish == Finish::kError) report_.fail();
    printer_.answer(line);
  }
  void on_progress(double fraction, const std::string& what) override {
    printer_.progress(fraction, what);
  }
  void on_warning(const std::string& text) override { printer_.error("warning: " + text); }

 private:
  Printer& printer_;
  RunReport& report_;
};

std::vector<TimedQuestion> schedule(const Options& options) {
  std::vector<TimedQuestion> scheduled;
  for (const std::string& text : options.questions) {
    for (const double seconds : options.at_seconds)
      scheduled.push_back({text, seconds, std::nullopt, 0});
    if (options.every_seconds)
      scheduled.push_back({text, options.every_seconds, options.every_seconds, 0});
    if (options.at_seconds.empty() && !options.every_seconds)
      scheduled.push_back({text, std::nullopt, std::nullopt, 0});
  }
  return scheduled;
}

}  // namespace

int ask_video(const Options& options, Printer& printer, std::stop_token stop) {
  start_gstreamer();
  RunReport report(printer);
  PrintingListener listener(printer, report);
  const VideoResult result = play_video({options.video, options.element_properties,
                                         schedule(options), options.frames, options.interactive},
                                        listener, stop);
  if (result.interrupted) {
    printer.error("interrupted");
    report.fail();
  }
  if (!result.error.empty()) {
    printer.error(result.error);
    report.fail();
  }
  if (!result.started) return report.exit_code();
  EndLine end = result.stats ? end_line(*result.stats) : EndLine{};
  end.truncated = result.truncated;
  report.add(end);
  return report.finish();
}

}  // namespace m3::ask
