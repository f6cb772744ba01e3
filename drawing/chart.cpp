#include "drawing/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace m3::drawing {
namespace {

constexpr double kTextPx = 12;
constexpr double kGapPx = 6;
constexpr double kTickPx = 4;
constexpr double kTickRoomPx = 80;  // a number along x needs about so much
constexpr double kTickLinePx = 26;  // and one along y
constexpr double kDotPx = 3;
constexpr Color kInk = {0.15, 0.15, 0.2};
constexpr Color kGrid = {0.87, 0.87, 0.9};

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", std::abs(value) < 1e-12 ? 0 : value);
  return text.data();
}

void check(const Axis& axis) {
  const bool fits = std::isfinite(axis.low) && std::isfinite(axis.high) && axis.high > axis.low &&
                    (!axis.logarithmic || axis.low > 0);
  if (!fits) {
    throw Error(ErrorCode::kInvalidArgument, "the axis " + axis.title + " runs from " +
                                                 number(axis.low) + " to " + number(axis.high));
  }
}

// Where a value lies along its axis, 0..1 between low and high.
double along(const Axis& axis, double value) {
  if (!axis.logarithmic) return (value - axis.low) / (axis.high - axis.low);
  return std::log(std::max(value, axis.low / 1e6) / axis.low) / std::log(axis.high / axis.low);
}

std::vector<std::pair<double, std::string>> ticks_of(const Axis& axis, int count) {
  if (!axis.ticks.empty()) return axis.ticks;
  std::vector<std::pair<double, std::string>> ticks;
  if (axis.logarithmic) {
    const double decades = std::log10(axis.high / axis.low);
    for (double power = std::pow(10, std::floor(std::log10(axis.low))); power <= axis.high;
         power *= 10) {
      for (const int factor : {1, 2, 5}) {
        if (factor > 1 && decades > count / 3.0) continue;
        const double value = power * factor;
        if (value >= axis.low * 0.999 && value <= axis.high * 1.001)
          ticks.emplace_back(value, number(value));
      }
    }
    return ticks;
  }
  for (const double value : round_ticks(axis.low, axis.high, count))
    ticks.emplace_back(value, number(value));
  return ticks;
}

class Drawer {
 public:
  Drawer(Canvas& canvas, const Box& box, const Chart& chart)
      : canvas_(canvas), box_(box), chart_(chart) {}

  void draw() {
    lay_out();
    grid();
    {
      const Canvas::Clip clip(canvas_,
                              {plot_.left - 1, plot_.top - 1, plot_.width + 2, plot_.height + 2});
      for (const Mark& mark : chart_.marks) rule(mark);
      for (const Series& series : chart_.series) line(series);
    }
    for (const Mark& mark : chart_.marks) label(mark);
    legend();
  }

 private:
  TextStyle style(Align align = Align::kLeft) const {
    TextStyle style;
    style.size_px = kTextPx;
    style.color = kInk;
    style.align = align;
    return style;
  }
  double line_px() const { return canvas_.size_of("0", style()).height_px; }

  void lay_out() {
    const double line = line_px();
    double numbers = 0;
    const double height = box_.height - 4 * line;
    y_ticks_ = ticks_of(chart_.y, std::max(2, static_cast<int>(height / kTickLinePx)));
    for (const auto& tick : y_ticks_)
      numbers = std::max(numbers, canvas_.size_of(tick.second, style()).width_px);
    plot_.left = box_.left + numbers + 2 * kGapPx;
    plot_.width = box_.left + box_.width - plot_.left - kGapPx * 2;
    // One line above for the title, what y is and the legend; below for numbers and what x is.
    plot_.top = box_.top + line * (chart_.marks.empty() ? 1 : 2) + kGapPx;
    const double below = line + kTickPx + (chart_.x.title.empty() ? 0 : line) + kGapPx;
    plot_.height = std::max(1.0, box_.top + box_.height - plot_.top - below);
    x_ticks_ = ticks_of(chart_.x, std::max(2, static_cast<int>(plot_.width / kTickRoomPx)));
  }

  double x_of(double value) const { return plot_.left + along(chart_.x, value) * plot_.width; }
  double y_of(double value) const {
    return plot_.top + (1 - along(chart_.y, value)) * plot_.height;
  }
  Point place_of(const Point& point) const { return {x_of(point.x), y_of(point.y)}; }

  void grid() {
    const double line = line_px();
    const double bottom = plot_.top + plot_.height;
    for (const auto& [value, text] : x_ticks_) {
      const double x = x_of(value);
      canvas_.line(std::array{Point{x, plot_.top}, Point{x, bottom + kTickPx}}, kGrid);
      canvas_.text({x, bottom + kTickPx}, text, style(Align::kCenter));
    }
    for (const auto& [value, text] : y_ticks_) {
      const double y = y_of(value);
      canvas_.line(std::array{Point{plot_.left - kTickPx, y}, Point{plot_.left + plot_.width, y}},
                   kGrid);
      canvas_.text({plot_.left - kGapPx, y - line / 2}, text, style(Align::kRight));
    }
    canvas_.line(std::array{Point{plot_.left, plot_.top}, Point{plot_.left, bottom},
                            Point{plot_.left + plot_.width, bottom}},
                 kInk);
    TextStyle bold = style();
    bold.bold = true;
    const double title = canvas_.text({box_.left, box_.top}, chart_.title, bold).width_px;
    if (!chart_.y.title.empty()) {
      canvas_.text({box_.left + title + (title > 0 ? 2 * kGapPx : 0), box_.top}, chart_.y.title,
                   style());
    }
    if (!chart_.x.title.empty()) {
      canvas_.text({plot_.left + plot_.width / 2, bottom + kTickPx + line}, chart_.x.title,
                   style(Align::kCenter));
    }
  }

  void line(const Series& series) {
    std::vector<Point> run;
    const auto flush = [&] {
      canvas_.line(run, series.color, series.width_px, series.dash_px);
      run.clear();
    };
    for (const Point& point : series.points) {
      if (!std::isfinite(point.x) || !std::isfinite(point.y)) {
        flush();
        continue;
      }
      const Point place = place_of(point);
      switch (series.style) {
        case SeriesStyle::kSteps:
          if (!run.empty()) run.push_back({place.x, run.back().y});
          run.push_back(place);
          break;
        case SeriesStyle::kLine:
          run.push_back(place);
          break;
        case SeriesStyle::kStems:
          canvas_.line(std::array{Point{place.x, plot_.top + plot_.height}, place}, series.color,
                       series.width_px);
          [[fallthrough]];
        case SeriesStyle::kDots:
          canvas_.dot(place, kDotPx, series.color);
          break;
      }
    }
    flush();
  }

  void rule(const Mark& mark) {
    const double x = x_of(mark.x);
    canvas_.line(std::array{Point{x, plot_.top}, Point{x, plot_.top + plot_.height}},
                 chart_.mark_color, 1, 3);
  }
  // As wide as there is room until the next mark.
  void label(const Mark& mark) {
    const double x = x_of(mark.x);
    if (x < plot_.left - 1 || x > plot_.left + plot_.width + 1 || mark.text.empty()) return;
    double end = plot_.left + plot_.width + kGapPx;
    for (const Mark& other : chart_.marks) {
      const double there = x_of(other.x);
      if (there > x + 1 && there < end) end = there - kGapPx;
    }
    TextStyle shown = style();
    shown.color = chart_.mark_color;
    shown.lines = 1;
    const double wanted = canvas_.size_of(mark.text, style()).width_px;
    shown.width_px = std::max(1.0, std::min(wanted + 1, end - x));
    if (end - x < kTextPx) return;
    canvas_.text({x, plot_.top - line_px() - 1}, mark.text, shown);
  }

  // From the right end of the title's line to the left.
  void legend() {
    constexpr double kSamplePx = 14;
    double right = box_.left + box_.width - kGapPx;
    for (auto series = chart_.series.rbegin(); series != chart_.series.rend(); ++series) {
      if (series->name.empty()) continue;
      const double width = canvas_.size_of(series->name, style()).width_px;
      canvas_.text({right - width, box_.top}, series->name, style());
      const double x = right - width - kGapPx - kSamplePx;
      const double y = box_.top + line_px() / 2;
      if (series->style == SeriesStyle::kDots || series->style == SeriesStyle::kStems) {
        canvas_.dot({x + kSamplePx / 2, y}, kDotPx, series->color);
      } else {
        canvas_.line(std::array{Point{x, y}, Point{x + kSamplePx, y}}, series->color, 2,
                     series->dash_px);
      }
      right = x - 2 * kGapPx;
    }
  }

  Canvas& canvas_;
  const Box box_;
  const Chart& chart_;
  Box plot_;
  std::vector<std::pair<double, std::string>> x_ticks_, y_ticks_;
};

}  // namespace

void draw(Canvas& canvas, const Box& box, const Chart& chart) {
  check(chart.x);
  check(chart.y);
  Drawer(canvas, box, chart).draw();
}

Color color_of(size_t series) {
  static constexpr std::array<Color, 7> kColors = {{{0.0, 0.45, 0.7},
                                                    {0.84, 0.37, 0.0},
                                                    {0.0, 0.62, 0.45},
                                                    {0.8, 0.47, 0.65},
                                                    {0.9, 0.62, 0.0},
                                                    {0.34, 0.71, 0.91},
                                                    {0.3, 0.3, 0.3}}};
  return kColors[series % kColors.size()];
}

std::vector<double> round_ticks(double low, double high, int count) {
  std::vector<double> ticks;
  if (!(high > low) || count < 1) return ticks;
  const double rough = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
    ticks.push_back(i * step);
  return ticks;
}

}  // namespace m3::drawing
