#include "tools/m3_eval/curve_plot.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include "drawing/canvas.h"
#include "drawing/chart.h"

namespace m3::eval {
namespace {

using drawing::Color;
using drawing::Point;
using drawing::Series;

constexpr int kWidthPx = 960;
constexpr int kHeightPx = 600;
constexpr int kMarginPx = 12;
constexpr double kFaint = 0.45;  // of a colour, for intervals

Color color_of(size_t number) {
  static constexpr std::array<Color, 10> kColors = {{{0.10, 0.10, 0.12},
                                                     {0.12, 0.47, 0.71},
                                                     {1.00, 0.50, 0.05},
                                                     {0.17, 0.63, 0.17},
                                                     {0.84, 0.15, 0.16},
                                                     {0.58, 0.40, 0.74},
                                                     {0.55, 0.34, 0.29},
                                                     {0.89, 0.47, 0.76},
                                                     {0.50, 0.50, 0.50},
                                                     {0.09, 0.75, 0.81}}};
  return kColors[number % kColors.size()];
}

// A value with its interval.
struct Measured {
  double tokens = 0;
  Share share;
};

// The curve, and where other draws would put it.
void add_curve(drawing::Chart& chart, const std::string& name, const std::vector<Measured>& curve,
               bool interval) {
  const Color color = color_of(std::count_if(chart.series.begin(), chart.series.end(),
                                             [](const Series& s) { return !s.name.empty(); }));
  const auto points = [&](const std::function<double(const Share&)>& value) {
    std::vector<Point> all;
    for (const Measured& measured : curve) all.push_back({measured.tokens, value(measured.share)});
    return all;
  };
  Series line;
  line.name = name;
  line.color = color;
  line.points = points([](const Share& share) { return share.percent; });
  line.width_px = interval ? 2.5 : 1.5;
  Series dots = line;
  dots.name.clear();
  dots.style = drawing::SeriesStyle::kDots;
  dots.width_px = 6;
  chart.series.push_back(std::move(line));
  chart.series.push_back(std::move(dots));
  if (!interval) return;
  for (const auto& end : {std::function([](const Share& share) { return share.low; }),
                          std::function([](const Share& share) { return share.high; })}) {
    Series limit;
    limit.color = color;
    limit.color.alpha = kFaint;
    limit.points = points(end);
    limit.width_px = 1;
    limit.dash_px = 4;
    chart.series.push_back(std::move(limit));
  }
}

void draw_to(const drawing::Chart& chart, const std::string& file) {
  drawing::Canvas canvas(kWidthPx, kHeightPx);
  canvas.clear({1, 1, 1, 1});
  drawing::draw(canvas, {kMarginPx, kMarginPx, kWidthPx - 2 * kMarginPx, kHeightPx - 2 * kMarginPx},
                chart);
  canvas.write_png(file);
}

drawing::Chart empty_chart(const std::string& title, const std::string& tokens, double low,
                           double high) {
  drawing::Chart chart;
  chart.title = title;
  chart.x.title = tokens;
  chart.x.logarithmic = true;
  chart.x.low = low / 1.3;
  chart.x.high = high * 1.3;
  chart.y.title = "percent right";
  chart.y.low = 0;
  chart.y.high = 100;
  return chart;
}

}  // namespace

void plot_tables(const std::vector<KindTable>& tables, const std::vector<int>& ladder,
                 const std::string& file) {
  drawing::Chart chart = empty_chart("What coarse tokens still know (dashed: 95 % interval)",
                                     "visual tokens a picture", ladder.front(), ladder.back());
  for (const int scale : ladder) chart.x.ticks.emplace_back(scale, std::to_string(scale));
  for (const KindTable& table : tables) {
    std::vector<Measured> curve;
    for (size_t step = 0; step < ladder.size(); ++step)
      curve.push_back({static_cast<double>(ladder[step]), table.scales[step]});
    const std::string count = " (" + std::to_string(table.oracle.count) + ")";
    add_curve(chart, table.kind + count, curve, &table == &tables.front());
  }
  if (!tables.empty()) {
    const double tokens = std::max(tables.front().oracle_tokens, 0.8 * ladder.front());
    add_curve(chart, "oracle, all", {{tokens, tables.front().oracle}}, false);
  }
  draw_to(chart, file);
}

void plot_figures(const std::vector<SpendingFigure>& figures, const std::string& file) {
  std::map<int, std::vector<Measured>> curves;
  double low = 1e9;
  double high = 1e-9;
  for (const SpendingFigure& figure : figures) {
    const double tokens = std::max(figure.tokens_per_second, 1e-3);
    low = std::min(low, tokens);
    high = std::max(high, tokens);
    curves[figure.spending.fixed_scale].push_back({tokens, figure.share});
  }
  if (curves.empty()) return;
  drawing::Chart chart = empty_chart("Accuracy at equal tokens (dashed: 95 % interval of auto)",
                                     "visual tokens a second", low, high);
  for (auto& [scale, curve] : curves) {
    std::sort(curve.begin(), curve.end(),
              [](const Measured& a, const Measured& b) { return a.tokens < b.tokens; });
    const std::string name = scale == 0 ? "auto" : "every frame " + std::to_string(scale);
    add_curve(chart, name, curve, scale == 0);
  }
  draw_to(chart, file);
}

}  // namespace m3::eval
