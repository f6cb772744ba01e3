// Curve: the learning curve as CSV, a line a step, written as the run goes. Threads: used from one
// thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace m3::train {

struct CurvePoint {
  int64_t step = 0;                // from 1
  double loss = 0;                 // of the step's examples, before it
  uint64_t examples = 0;           // shown so far
  double seconds = 0;              // trained so far, over all starts of the run
  std::optional<double> held_out;  // loss on held-out examples, where it was looked at
};

class Curve {
 public:
  // Goes on behind the lines up to `last_step`; later ones, of steps that will be taken again, go.
  // Throws kNotFound, kInternal (cannot be written), naming the file.
  Curve(std::string path, int64_t last_step);
  ~Curve();
  Curve(const Curve&) = delete;
  Curve& operator=(const Curve&) = delete;

  // Throws kInternal (a full disk).
  void add(const CurvePoint& point);
  // All lines are on the disk when it returns.
  void settle();

 private:
  void write(const std::string& text);

  const std::string path_;
  int descriptor_ = -1;
};

}  // namespace m3::train
