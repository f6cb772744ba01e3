// TrainingRun: a run in its folder, from its beginning or its last checkpoint to its end.
// Threads: used from one thread; run() blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "core/trainer.h"
#include "tools/common/progress.h"
#include "tools/m3_train/curve.h"
#include "tools/m3_train/example_source.h"
#include "tools/m3_train/options.h"
#include "tools/m3_train/run_state.h"

namespace m3::train {

class TrainingRun {
 public:
  TrainingRun(const Options& options, std::stop_token stop);

  // Trains to the end; false: `stop` was requested, and a checkpoint holds what was learned.
  bool run();
  // Draws examples, looks at their pictures and writes a pack of the run as it stands (pack.h);
  // false: as run().
  bool pack();
  const RunState& state() const noexcept { return state_; }

 private:
  using Clock = std::chrono::steady_clock;

  void begin();
  void start_projector();
  bool is_over() const;
  double progress() const;  // 0..1
  double rate_share() const;
  void take_step();
  std::vector<TrainingExample> next_examples();
  bool can_be_shown(const TrainingExample& example);
  bool can_be_seen(size_t picture);
  std::optional<double> check();
  void plot() const;
  void save();
  void report(const CurvePoint& point);
  StepOptions step_options(uint64_t seed) const;
  double seconds() const;

  const Options options_;
  const std::stop_token stop_;
  tools::Progress bar_;
  std::string model_folder_;  // of the model that training began with
  std::string features_;      // file that keeps what the tower saw
  std::unique_ptr<ExampleSource> examples_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<TrainingExample> held_out_;
  std::optional<Curve> curve_;
  RunState state_;
  std::set<size_t> bad_pictures_;
  std::set<std::string> complaints_;  // that were printed
  int64_t checked_step_ = -1;         // the last one whose model was looked at
  Clock::time_point began_;           // of this start's training
  double seconds_before_ = 0;         // trained by earlier starts
  Clock::time_point saved_;
  Clock::time_point reported_;
};

}  // namespace m3::train
