#include <algorithm>

#include "tools/m3_ask/bus_fields.h"
#include "tools/m3_ask/modes.h"
#include "tools/m3_ask/plugin_finder.h"
#include "tools/m3_ask/run_report.h"
#include "tools/m3_ask/timeline.h"
#include "tools/m3_ask/video_player.h"

namespace m3::ask {
namespace {

class PrintingListener final : public VideoListener {
 public:
  // timeline: nullptr: none is drawn.
  PrintingListener(Printer& printer, RunReport& report, bool frames, Timeline* timeline)
      : printer_(printer), report_(report), frames_(frames), timeline_(timeline) {}

  void on_frame(const GstStructure& frame) override {
    const FrameLine line = frame_line(frame);
    if (frames_) printer_.frame(line);
    if (timeline_) timeline_->add(line);
  }
  void on_answer(size_t, const GstStructure& answer) override {
    const AnswerLine line = answer_line(answer);
    if (line.answer.finish == Finish::kError) report_.fail();
    printer_.answer(line);
    if (timeline_) timeline_->add(line);
  }
  void on_progress(double fraction, const std::string& what) override {
    printer_.progress(fraction, what);
  }
  void on_warning(const std::string& text) override { printer_.error("warning: " + text); }

 private:
  Printer& printer_;
  RunReport& report_;
  const bool frames_;
  Timeline* const timeline_;
};

// The budget's burst where the property leaves it to the element.
constexpr double kBurstSeconds = 10;
constexpr double kFinestScale = 144;

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
  const bool plots = !options.plot.empty();
  Timeline timeline;
  PrintingListener listener(printer, report, options.frames, plots ? &timeline : nullptr);
  const VideoResult result =
      play_video({options.video, options.element_properties, schedule(options),
                  options.frames || plots, options.interactive},
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
  const int exit_code = report.finish();
  if (plots) {
    const double burst =
        result.burst > 0 ? result.burst : std::max(kBurstSeconds * result.budget, kFinestScale);
    timeline.write_png(options.plot, result.budget, burst);
  }
  return exit_code;
}

}  // namespace m3::ask
