// TimelineDrawer: draws a Timeline as charts below each other. Threads: one thread.
#pragma once

#include <string>

#include "drawing/chart.h"
#include "tools/m3_ask/timeline.h"

namespace m3::ask {

class TimelineDrawer {
 public:
  TimelineDrawer(const Timeline& timeline, double rate, double burst)
      : timeline_(timeline), rate_(rate), burst_(burst) {}

  void write_png(const std::string& path) const;

 private:
  drawing::Axis time() const;
  drawing::Chart activity() const;
  drawing::Chart scales() const;
  drawing::Chart tokens() const;
  drawing::Chart budget() const;

  const Timeline& timeline_;
  const double rate_;
  const double burst_;
};

}  // namespace m3::ask
