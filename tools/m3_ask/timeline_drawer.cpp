#include "tools/m3_ask/timeline_drawer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tools/m3_ask/printer.h"

namespace m3::ask {
namespace {

using drawing::Axis;
using drawing::Box;
using drawing::Canvas;
using drawing::Chart;
using drawing::Color;
using drawing::Point;
using drawing::Series;
using drawing::SeriesStyle;
using drawing::TextStyle;

constexpr int kWidthPx = 1400;
constexpr int kRimPx = 16;
constexpr int kLinePx = 20;
constexpr size_t kMostLines = 12;  // answers that are written out
constexpr Color kPaper = {1, 1, 1};
constexpr Color kInk = {0.15, 0.15, 0.2};

struct Panel {
  Chart chart;
  int height_px;
};

}  // namespace

Axis TimelineDrawer::time() const {
  Axis axis;
  axis.high = std::max(1.0, timeline_.end_second_);
  for (const double second : drawing::round_ticks(0, axis.high, 14)) {
    axis.ticks.emplace_back(second, clock_time(std::llround(second * 1e9)));
  }
  return axis;
}

Chart TimelineDrawer::activity() const {
  Chart chart;
  chart.title = "activity";
  chart.x = time();
  Series motion{"motion", drawing::color_of(1), SeriesStyle::kLine, {}};
  Series detail{"detail", drawing::color_of(5), SeriesStyle::kLine, {}};
  for (const auto& moment : timeline_.moments_) {
    motion.points.push_back({moment.second, moment.motion});
    detail.points.push_back({moment.second, moment.complexity});
  }
  chart.series = {detail, motion};
  for (const auto& said : timeline_.said_) chart.marks.push_back({said.second, said.text});
  return chart;
}

Chart TimelineDrawer::scales() const {
  Chart chart;
  chart.title = "scale";
  chart.x = time();
  std::map<Reason, Series> by_reason;
  std::set<int> scales = {1, 144};
  for (const auto& frame : timeline_.encoded_) {
    Series& series = by_reason[frame.reason];
    if (series.points.empty()) {
      series.name = to_string(frame.reason);
      series.color = drawing::color_of(static_cast<size_t>(frame.reason));
      series.style = SeriesStyle::kStems;
    }
    series.points.push_back({frame.second, static_cast<double>(frame.scale)});
    scales.insert(frame.scale);
  }
  for (auto& [reason, series] : by_reason) chart.series.push_back(std::move(series));
  chart.y = {"visual tokens of each frame encoded", 0.6, *scales.rbegin() * 1.7, true, {}};
  for (const int scale : scales) chart.y.ticks.emplace_back(scale, std::to_string(scale));
  return chart;
}

Chart TimelineDrawer::tokens() const {
  Chart chart;
  chart.title = "tokens";
  chart.x = time();
  Series spent{"spent", drawing::color_of(0), SeriesStyle::kSteps, {{0, 0}}};
  double sum = 0;
  for (const auto& frame : timeline_.encoded_) {
    sum += frame.tokens;
    spent.points.push_back({frame.second, sum});
  }
  const double end = chart.x.high;
  spent.points.push_back({end, sum});
  spent.width_px = 2;
  chart.series.push_back(spent);
  if (rate_ > 0) {
    Series allowed{"allowed",
                   drawing::color_of(6),
                   SeriesStyle::kLine,
                   {{0, burst_}, {end, burst_ + rate_ * end}}};
    allowed.dash_px = 5;
    chart.series.push_back(allowed);
  }
  chart.y = {"visual tokens since the start", 0, std::max(10.0, 1.1 * sum), false, {}};
  return chart;
}

// What the bucket held, from what was spent.
Chart TimelineDrawer::budget() const {
  Chart chart;
  chart.title = "budget";
  chart.x = time();
  Series held{"", drawing::color_of(2), SeriesStyle::kLine, {{0, burst_}}};
  double level = burst_;
  double second = 0;
  const auto go_on = [&](double to) {
    const double full = second + (burst_ - level) / rate_;
    if (full < to) held.points.push_back({full, burst_});
    level = std::min(burst_, level + rate_ * (to - second));
    second = to;
    held.points.push_back({to, level});
  };
  for (const auto& frame : timeline_.encoded_) {
    go_on(frame.second);
    level -= frame.tokens;
    held.points.push_back({second, level});
  }
  go_on(chart.x.high);
  chart.series.push_back(held);
  chart.y = {"visual tokens saved up", 0, 1.05 * burst_, false, {}};
  return chart;
}

void TimelineDrawer::write_png(const std::string& path) const {
  std::vector<Panel> panels = {{activity(), 220}, {scales(), 220}, {tokens(), 190}};
  if (rate_ > 0 && burst_ > 0) panels.push_back({budget(), 170});
  const size_t lines = std::min(kMostLines, timeline_.said_.size());
  const size_t more = timeline_.said_.size() - lines + timeline_.more_said_;
  int height = 2 * kRimPx + static_cast<int>(lines + (more > 0)) * kLinePx;
  for (const Panel& panel : panels) height += panel.height_px;

  Canvas canvas(kWidthPx, height);
  canvas.clear(kPaper);
  double top = kRimPx;
  for (const Panel& panel : panels) {
    drawing::draw(canvas,
                  {kRimPx, top, kWidthPx - 2.0 * kRimPx, static_cast<double>(panel.height_px)},
                  panel.chart);
    top += panel.height_px;
  }
  TextStyle style;
  style.color = kInk;
  style.width_px = kWidthPx - 2.0 * kRimPx;
  style.lines = 1;
  for (size_t i = 0; i < lines; ++i) {
    const auto& said = timeline_.said_[i];
    const std::string clock = clock_time(std::llround(said.second * 1e9));
    canvas.text({kRimPx, top}, "[" + clock + "] " + said.question + " → " + said.text, style);
    top += kLinePx;
  }
  if (more > 0) canvas.text({kRimPx, top}, "and " + std::to_string(more) + " more answers", style);
  canvas.write_png(path);
}

}  // namespace m3::ask
