// A chart in a box of a canvas: two axes with numbers, series of points between them, marks along
// the way, and a legend. Threads: free functions on a canvas that the caller owns.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "drawing/canvas.h"

namespace m3::drawing {

enum class SeriesStyle {
  kLine,   // from point to point
  kSteps,  // each value holds until the next point
  kDots,   // points alone
  kStems,  // from the axis up to each point
};

struct Series {
  std::string name;  // in the legend; empty: not there
  Color color;
  SeriesStyle style = SeriesStyle::kLine;
  std::vector<Point> points;  // ascending x; what is not finite is left out
  double width_px = 1.5;
  double dash_px = 0;  // of lines; 0: none
};

struct Axis {
  std::string title;  // empty: none
  double low = 0;     // what is beyond these is cut off; high is above low
  double high = 1;
  bool logarithmic = false;  // then low is above 0
  // Where numbers stand and what they say; empty: round numbers.
  std::vector<std::pair<double, std::string>> ticks;
};

// A line across at an x, with words at its top.
struct Mark {
  double x = 0;
  std::string text;
};

struct Chart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
  std::vector<Mark> marks;
  Color mark_color = {0.35, 0.35, 0.4};
};

// Throws kInvalidArgument when an axis has no length, or is logarithmic and not above 0.
void draw(Canvas& canvas, const Box& box, const Chart& chart);

// Colours that are told apart, also by people who do not tell red from green (Okabe and Ito).
Color color_of(size_t series);

// Round numbers from low to high, `count` at most, 2 at least where two fit.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace m3::drawing
