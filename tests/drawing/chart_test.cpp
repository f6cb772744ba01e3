#include "drawing/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "tests/support/error_of.h"

namespace m3::drawing {
namespace {

using m3::test::error_of;

// Pixels of exactly this colour, and the rows that they reach over.
struct Found {
  int pixels = 0;
  int top = -1;
  int bottom = -1;
  int left = -1;
  int right = -1;
};

Found find(Canvas& canvas, uint32_t colour) {
  Found found;
  const auto bytes = canvas.pixels();
  for (int y = 0; y < canvas.height_px(); ++y) {
    for (int x = 0; x < canvas.width_px(); ++x) {
      uint32_t value = 0;
      std::memcpy(&value, bytes.data() + static_cast<size_t>(y * canvas.width_px() + x) * 4, 4);
      if (value != colour) continue;
      ++found.pixels;
      if (found.top < 0) found.top = y;
      found.bottom = y;
      found.left = found.left < 0 ? x : std::min(found.left, x);
      found.right = std::max(found.right, x);
    }
  }
  return found;
}

constexpr uint32_t kPureRed = 0xFFFF0000U;

Canvas& drawn(Canvas& canvas, const Chart& chart) {
  canvas.clear({1, 1, 1});
  draw(canvas, {10, 10, 380, 280}, chart);
  return canvas;
}

Chart chart_of(std::vector<Point> points, SeriesStyle style) {
  Chart chart;
  chart.x = {"seconds", 0, 10, false, {}};
  chart.y = {"", 0, 1, false, {}};
  Series series;
  series.color = {1, 0, 0};
  series.style = style;
  series.points = std::move(points);
  series.width_px = 4;
  chart.series.push_back(series);
  return chart;
}

TEST(Chart, ALineGoesFromPointToPoint) {
  Canvas canvas(400, 300);
  const Found found =
      find(drawn(canvas, chart_of({{0, 0}, {10, 1}}, SeriesStyle::kLine)), kPureRed);
  EXPECT_GT(found.pixels, 500);
  EXPECT_GT(found.bottom - found.top, 180);
  EXPECT_GT(found.right - found.left, 280);
}

TEST(Chart, StepsHoldAValueUntilTheNext) {
  Canvas canvas(400, 300);
  // Up at 5 only: nothing red in the upper left.
  drawn(canvas, chart_of({{0, 0.1}, {5, 0.9}, {10, 0.9}}, SeriesStyle::kSteps));
  const Found steps = find(canvas, kPureRed);
  drawn(canvas, chart_of({{0, 0.1}, {5, 0.1}}, SeriesStyle::kSteps));
  const Found low = find(canvas, kPureRed);
  EXPECT_NEAR(steps.bottom, low.bottom, 1);
  EXPECT_GT(steps.bottom - steps.top, 150);
  EXPECT_LE(low.bottom - low.top, 5);
}

TEST(Chart, WhatIsBeyondAnAxisOrNotFiniteIsLeftOut) {
  Canvas canvas(400, 300);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(find(drawn(canvas, chart_of({{2, 5}, {4, 5}}, SeriesStyle::kLine)), kPureRed).pixels,
            0);
  EXPECT_EQ(
      find(drawn(canvas, chart_of({{nan, 0}, {4, nan}}, SeriesStyle::kDots)), kPureRed).pixels, 0);
}

TEST(Chart, EveryDecadeIsAsLongOnALogarithmicAxis) {
  Canvas canvas(400, 300);
  std::vector<int> places;
  for (const double x : {1.0, 10.0, 100.0}) {
    Chart chart = chart_of({{x, 0.5}}, SeriesStyle::kDots);
    chart.x = {"tokens", 0.5, 200, true, {}};
    const Found found = find(drawn(canvas, chart), kPureRed);
    places.push_back((found.left + found.right) / 2);
  }
  EXPECT_NEAR(places[1] - places[0], places[2] - places[1], 2);
}

TEST(Chart, RefusesAnAxisWithoutLength) {
  Canvas canvas(400, 300);
  Chart chart;
  chart.x.high = 0;
  EXPECT_EQ(error_of([&] {
              draw(canvas, {0, 0, 400, 300}, chart);
            }).code(),
            ErrorCode::kInvalidArgument);
  chart.x = {"", 0, 1, true, {}};
  EXPECT_EQ(error_of([&] {
              draw(canvas, {0, 0, 400, 300}, chart);
            }).code(),
            ErrorCode::kInvalidArgument);
}

TEST(Chart, TicksAreRoundAndNotTooMany) {
  EXPECT_EQ(round_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(round_ticks(0, 1, 2), (std::vector<double>{0, 0.5, 1}));
  EXPECT_EQ(round_ticks(-3, 3, 3), (std::vector<double>{-2, 0, 2}));
  EXPECT_EQ(round_ticks(97, 133, 4), (std::vector<double>{100, 110, 120, 130}));
  EXPECT_TRUE(round_ticks(1, 1, 4).empty());
}

}  // namespace
}  // namespace m3::drawing
