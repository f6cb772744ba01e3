#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/common/command_line.h"
#include "tools/common/progress.h"
#include "tools/m3_eval/control.h"
#include "tools/m3_eval/curve_plot.h"
#include "tools/m3_eval/studies.h"

namespace m3::eval {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) { return std::round(value * 1000) / 1000; }

std::string name_of(int fixed_scale) {
  return fixed_scale == 0 ? "auto" : std::to_string(fixed_scale);
}

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[200];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string to_json(const std::vector<SpendingFigure>& figures,
                    const std::vector<AreaFigure>& areas) {
  std::string lines;
  for (const SpendingFigure& figure : figures) {
    lines += Json{{"type", "control"},
                  {"scale", name_of(figure.spending.fixed_scale)},
                  {"budget", figure.spending.budget},
                  {"tokens_per_second", rounded(figure.tokens_per_second)},
                  {"tower_calls_per_second", rounded(figure.tower_calls_per_second)},
                  {"accuracy", rounded(figure.share.percent)},
                  {"low", rounded(figure.share.low)},
                  {"high", rounded(figure.share.high)},
                  {"n", figure.share.count}}
                 .dump() +
             "\n";
  }
  for (const AreaFigure& figure : areas) {
    Json line = {{"type", "control_area"},
                 {"scale", name_of(figure.fixed_scale)},
                 {"area", rounded(figure.area)}};
    if (figure.fixed_scale != 0) {
      line["auto_ahead"] = rounded(figure.ahead);
      line["low"] = rounded(figure.low);
      line["high"] = rounded(figure.high);
      line["probability"] = rounded(figure.probability);
    }
    lines += line.dump() + "\n";
  }
  return lines;
}

std::string to_text(const std::vector<SpendingFigure>& figures,
                    const std::vector<AreaFigure>& areas) {
  std::string text = "Percent right (95 % interval) at the same budgets\n\n";
  text += "scale   budget  tokens/s  tower calls/s  right\n";
  for (const SpendingFigure& figure : figures) {
    text += format("%-6s %7.1f %9.2f %14.2f  %.1f (%.0f to %.0f) of %zu\n",
                   name_of(figure.spending.fixed_scale).c_str(), figure.spending.budget,
                   figure.tokens_per_second, figure.tower_calls_per_second, figure.share.percent,
                   figure.share.low, figure.share.high, figure.share.count);
  }
  text += "\nMean over the logarithm of tokens a second\n\n";
  for (const AreaFigure& figure : areas) {
    text += format("%-6s %6.2f", name_of(figure.fixed_scale).c_str(), figure.area);
    if (figure.fixed_scale != 0) {
      text += format("   auto is ahead by %+.2f (%+.2f to %+.2f), P %.3f", figure.ahead, figure.low,
                     figure.high, figure.probability);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

int study_control(const ControlOptions& options, std::stop_token stop) {
  tools::Progress progress;
  const auto engine = shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
  const ControlStudy study = show_films(
      engine, options, stop,
      [&](double fraction, const std::string& what) { progress.update(fraction, what); });
  progress.clear();
  if (!study.films.empty()) {
    const std::vector<SpendingFigure> figures = figures_of(study);
    const std::vector<AreaFigure> areas = areas_of(study);
    std::fputs((options.json ? to_json(figures, areas) : to_text(figures, areas)).c_str(), stdout);
    if (!options.plot.empty()) plot_figures(figures, options.plot);
  }
  if (!study.interrupted) return tools::kExitDone;
  tools::print_error(kTool, "interrupted after " + std::to_string(study.films.size()) + " films");
  return tools::kExitFailed;
}

}  // namespace m3::eval
