#include "tools/m3_train/curve_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "drawing/canvas.h"
#include "drawing/chart.h"

namespace m3::train {
namespace {

using drawing::Point;

constexpr int kWidthPx = 960;
constexpr int kHeightPx = 540;
constexpr int kMarginPx = 12;
constexpr double kRemembered = 0.9;  // of the smooth curve, from step to step

struct Curves {
  std::vector<Point> losses;
  std::vector<Point> held_out;
};

// Nothing where the text is no number.
double number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || end != text.c_str() + text.size() ? std::nan("") : value;
}

Curves read(const std::string& csv) {
  std::ifstream file(csv);
  if (!file) throw Error(ErrorCode::kNotFound, csv + ": no such file, or it cannot be read");
  Curves curves;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::vector<double> fields;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, ',');) fields.push_back(number_of(part));
    if (fields.size() < 2 || !std::isfinite(fields[0])) continue;
    if (std::isfinite(fields[1])) curves.losses.push_back({fields[0], fields[1]});
    if (fields.size() > 4 && std::isfinite(fields[4]))
      curves.held_out.push_back({fields[0], fields[4]});
  }
  return curves;
}

std::vector<Point> smooth(const std::vector<Point>& points) {
  std::vector<Point> out;
  double sum = 0;
  double weight = 0;
  for (const Point& point : points) {
    sum = kRemembered * sum + point.y;
    weight = kRemembered * weight + 1;
    out.push_back({point.x, sum / weight});
  }
  return out;
}

}  // namespace

void plot_curve(const std::string& csv, const std::string& png) {
  const Curves curves = read(csv);
  drawing::Chart chart;
  chart.title = "Learning curve";
  chart.x.title = "step";
  chart.y.title = "loss";
  double last = 1;
  double highest = 0;
  for (const Point& point : curves.losses) {
    last = std::max(last, point.x);
    highest = std::max(highest, point.y);
  }
  chart.x.high = last;
  chart.y.high = highest > 0 ? 1.05 * highest : 1;
  drawing::Series steps;
  steps.name = "each step";
  steps.color = {0.7, 0.78, 0.9, 1};
  steps.points = curves.losses;
  steps.width_px = 1;
  drawing::Series mean;
  mean.name = "smoothed";
  mean.color = {0.12, 0.47, 0.71, 1};
  mean.points = smooth(curves.losses);
  mean.width_px = 2.5;
  chart.series = {std::move(steps), std::move(mean)};
  if (!curves.held_out.empty()) {
    drawing::Series held_out;
    held_out.name = "held-out pictures";
    held_out.color = {0.84, 0.15, 0.16, 1};
    held_out.points = curves.held_out;
    held_out.width_px = 2;
    chart.series.push_back(std::move(held_out));
  }
  drawing::Canvas canvas(kWidthPx, kHeightPx);
  canvas.clear({1, 1, 1, 1});
  drawing::draw(canvas, {kMarginPx, kMarginPx, kWidthPx - 2 * kMarginPx, kHeightPx - 2 * kMarginPx},
                chart);
  const std::string part = png + ".part";
  canvas.write_png(part);
  std::error_code error;
  std::filesystem::rename(part, png, error);
  if (error) throw Error(ErrorCode::kNotFound, png + ": cannot be written: " + error.message());
}

}  // namespace m3::train
