#include "tools/m3_train/training_run.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/model/model_config.h"
#include "tools/common/command_line.h"
#include "tools/m3_train/curve_plot.h"
#include "tools/m3_train/pack.h"
#include "tools/m3_train/packed_examples.h"

namespace m3::train {
namespace {

namespace fs = std::filesystem;

constexpr char kTool[] = "m3-train";
constexpr size_t kMostHeldOut = 64;            // examples
constexpr uint64_t kMostSkipped = 1000;        // examples in a row that cannot be shown
constexpr uint64_t kHeldOutSeed = 0x48656c64;  // the same scales at every look
// Of the minutes that a run may take, what the start may have for more than `start_pictures`: every
// annotated picture there makes names known that many examples would have to teach.
constexpr double kStartShare = 0.2;
constexpr auto kReportEvery = std::chrono::seconds(60);

std::string path_in(const std::string& folder, const char* name) {
  return (fs::path(folder) / name).string();
}

// What a start that was killed has left half written.
void remove_parts(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    if (name.find(".part") != std::string::npos) fs::remove_all(entry.path(), ignored);
  }
}

std::string minutes_text(double seconds) {
  char text[32];
  if (seconds < 90) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  }
  return text;
}

}  // namespace

TrainingRun::TrainingRun(const Options& options, std::stop_token stop)
    : options_(options), stop_(std::move(stop)) {}

double TrainingRun::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - began_).count();
}

bool TrainingRun::is_over() const {
  return options_.steps > 0 ? state_.step >= options_.steps : seconds() >= options_.minutes * 60;
}

double TrainingRun::progress() const {
  const double done = options_.steps > 0
                          ? static_cast<double>(state_.step) / static_cast<double>(options_.steps)
                          : seconds() / (options_.minutes * 60);
  return std::clamp(done, 0.0, 1.0);
}

// Of the highest rate: a cosine down to 0, behind a short rise.
double TrainingRun::rate_share() const {
  const int64_t rise = options_.steps > 0
                           ? std::min<int64_t>(options_.settings.warmup_steps, options_.steps / 10)
                           : options_.settings.warmup_steps;
  const double risen =
      rise > 0 ? std::min(1.0, static_cast<double>(state_.step + 1) / static_cast<double>(rise))
               : 1;
  return risen * (1 + std::cos(M_PI * progress())) / 2;
}

StepOptions TrainingRun::step_options(uint64_t seed) const {
  StepOptions step;
  step.rate = options_.settings.rate * rate_share();
  step.projector_rate = options_.settings.projector_rate * rate_share();
  step.clip = options_.settings.clip;
  step.seed = seed;
  step.all_scales = options_.settings.all_scales;
  step.scale_weights = options_.settings.scale_weights;
  return step;
}

bool TrainingRun::run() {
  begin();
  while (!is_over()) {
    if (stop_.stop_requested()) {
      save();
      return false;
    }
    take_step();
    if (Clock::now() - saved_ >= std::chrono::seconds(options_.settings.save_seconds)) save();
  }
  if (checked_step_ != state_.step) check();
  save();
  plot();
  bar_.clear();
  return true;
}

bool TrainingRun::pack() {
  begin();
  save();
  std::vector<TrainingExample> drawn;
  for (uint64_t n = 0; n < options_.pack_examples; ++n) {
    if (stop_.stop_requested()) return false;
    TrainingExample example = examples_->example(state_.next_example + n);
    if (can_be_shown(example)) drawn.push_back(std::move(example));
    bar_.update(static_cast<double>(n + 1) / static_cast<double>(options_.pack_examples),
                "looking at pictures");
  }
  bar_.clear();
  if (drawn.empty())
    throw Error(ErrorCode::kNotFound, options_.data + ": none of its pictures can be read");
  write_packed_examples(path_in(options_.out, kPackedExamples), state_.next_example, drawn,
                        held_out_, examples_->pictures());
  write_pack(options_.out, features_, model_folder_, options_.pack_to);
  return true;
}

void TrainingRun::begin() {
  std::error_code error;
  fs::create_directories(options_.out, error);
  if (error)
    throw Error(ErrorCode::kNotFound, options_.out + ": cannot be made: " + error.message());
  remove_parts(options_.out);
  TrainerOptions trainer;
  trainer.keep_adapter = !options_.init.empty();
  if (trainer.keep_adapter) trainer.model = options_.init;
  trainer.rank = options_.settings.rank;
  trainer.full = options_.settings.full;
  const bool packed = is_pack(options_.data);
  features_ = options_.features.empty() || packed ? path_in(options_.out, kPackedFeatures)
                                                  : options_.features;
  trainer.features = features_;
  trainer.features_bytes = static_cast<int64_t>(options_.settings.features_gb * 1e9);
  trainer.seed = options_.seed;
  trainer.device = options_.device;
  trainer.dtype = options_.dtype;
  trainer.threads = options_.threads;
  if (packed) {
    unpack(options_.data, options_.out);
    trainer.model = path_in(options_.out, kPackedModel);
  }
  model_folder_ = find_model(trainer.model);
  dataset::WindowOptions windows;
  windows.ladder = read_model_config(model_folder_).ladder;
  windows.long_share = options_.settings.long_windows;
  examples_ = packed ? read_packed_examples(path_in(options_.out, kPackedExamples))
                     : make_examples(options_.data, options_.seed, windows);
  trainer_ = open_trainer(
      trainer, examples_->pictures(),
      [&](double fraction, std::string_view what) { bar_.update(fraction, what); }, stop_);
  const std::string setup =
      "seed " + std::to_string(options_.seed) + ", settings " + text_of(options_.settings);
  const std::string checkpoint = path_in(options_.out, "checkpoint.safetensors");
  began_ = Clock::now();
  if (fs::exists(checkpoint, error)) {
    state_ = from_notes(trainer_->load(checkpoint), checkpoint);
    if (state_.setup != setup) {
      throw Error(ErrorCode::kMismatch, options_.out + ": holds a run with " + state_.setup +
                                            ", now " + setup +
                                            " is asked for; give another folder for --out");
    }
    seconds_before_ = state_.seconds;
    saved_ = Clock::now();
  } else {
    state_.setup = setup;
    if (!trainer.keep_adapter) start_projector();
    save();
  }
  curve_.emplace(path_in(options_.out, "curve.csv"), state_.step);
  for (TrainingExample& example : examples_->held_out()) {
    if (held_out_.size() < kMostHeldOut && can_be_shown(example))
      held_out_.push_back(std::move(example));
  }
  reported_ = Clock::now();
}

void TrainingRun::start_projector() {
  const size_t all = examples_->pictures().size();
  std::vector<size_t> order;
  std::set<size_t> held_out;
  for (const TrainingExample& example : examples_->held_out()) {
    for (const TrainingFrame& frame : example.frames) held_out.insert(frame.picture);
  }
  for (size_t picture = 0; picture < all; ++picture) {
    if (!held_out.contains(picture)) order.push_back(picture);
  }
  std::mt19937_64 random(options_.seed);
  for (size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[random() % left]);
  // Known ones first: they say where to start.
  std::stable_partition(order.begin(), order.end(),
                        [&](size_t picture) { return !examples_->gist(picture).empty(); });
  const auto enough = static_cast<size_t>(options_.settings.start_pictures);
  const double time_left = options_.steps > 0 ? 0 : kStartShare * options_.minutes * 60;
  std::vector<StartPicture> pictures;
  for (const size_t picture : order) {
    if (pictures.size() >= enough && (examples_->gist(picture).empty() || seconds() >= time_left)) {
      break;
    }
    if (stop_.stop_requested())
      throw Error(ErrorCode::kCancelled,
                  "interrupted before the first step; what the tower saw so "
                  "far is kept");
    const double done =
        static_cast<double>(pictures.size()) / static_cast<double>(std::min(enough, all));
    bar_.update(std::min(1.0, std::max(done, time_left > 0 ? seconds() / time_left : 0)),
                "looking at pictures");
    if (can_be_seen(picture)) pictures.push_back({picture, examples_->gist(picture)});
  }
  if (pictures.empty())
    throw Error(ErrorCode::kNotFound, options_.data + ": none of its pictures can be read");
  const ProjectorStart start = trainer_->fit_projector(pictures);
  bar_.clear();
  std::fprintf(
      stderr,
      "%s: projector started on %zu pictures, %zu of them known; it explains %.0f %% of what they "
      "show\n",
      kTool, start.pictures, start.known, 100 * start.explained);
}

// A picture that cannot be read is named once, and what shows it is passed over.
bool TrainingRun::can_be_seen(size_t picture) {
  if (bad_pictures_.contains(picture)) return false;
  try {
    trainer_->look_at(picture);
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kOutOfMemory ||
        error.code() == ErrorCode::kDevice) {
      throw;  // the disk, the memory or the device: no picture's fault
    }
    bad_pictures_.insert(picture);
    // One file may be part of many pictures.
    if (complaints_.insert(error.what()).second) {
      bar_.clear();
      tools::print_error(kTool, std::string("passed over: ") + error.what());
    }
    return false;
  }
}

bool TrainingRun::can_be_shown(const TrainingExample& example) {
  return std::all_of(example.frames.begin(), example.frames.end(),
                     [&](const TrainingFrame& frame) { return can_be_seen(frame.picture); });
}

std::vector<TrainingExample> TrainingRun::next_examples() {
  std::vector<TrainingExample> batch;
  uint64_t skipped = 0;
  uint64_t windows = 0;  // that wait for their time, unless there is nothing else
  const bool pictures_alone =
      options_.init.empty() && progress() < options_.settings.pictures_first;
  while (batch.size() < static_cast<size_t>(options_.settings.batch)) {
    TrainingExample example = examples_->example(state_.next_example++);
    if (pictures_alone && example.frames.size() > 1 && ++windows < kMostSkipped) continue;
    if (can_be_shown(example)) {
      batch.push_back(std::move(example));
      skipped = 0;
    } else if (++skipped == kMostSkipped) {
      throw Error(ErrorCode::kNotFound, options_.data + ": hardly any of its pictures can be read");
    }
  }
  return batch;
}

void TrainingRun::take_step() {
  const std::vector<TrainingExample> batch = next_examples();
  CurvePoint point;
  // The step's number alone decides on scales, so that a run which goes on draws the same.
  point.loss = trainer_->step(
      batch, step_options(options_.seed * 0x9e3779b97f4a7c15 + static_cast<uint64_t>(state_.step)));
  state_.examples += batch.size();
  point.step = ++state_.step;
  point.examples = state_.examples;
  if (state_.step % options_.settings.check_every == 0 || is_over()) point.held_out = check();
  point.seconds = seconds();
  state_.seconds = point.seconds;
  curve_->add(point);
  report(point);
}

// Writes the model when it is the best so far; without held-out examples the last is the best.
std::optional<double> TrainingRun::check() {
  checked_step_ = state_.step;
  std::optional<double> loss;
  if (!held_out_.empty()) loss = trainer_->loss(held_out_, step_options(kHeldOutSeed));
  if (loss && state_.best != 0 && *loss >= state_.best) return loss;
  state_.best = loss.value_or(0);
  trainer_->write_model(path_in(options_.out, "model"));
  plot();
  return loss;
}

void TrainingRun::plot() const {
  if (state_.step < 2) return;
  try {
    plot_curve(path_in(options_.out, "curve.csv"), path_in(options_.out, "curve.png"));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;  // a build that cannot draw
  }
}

void TrainingRun::save() {
  if (curve_) curve_->settle();
  state_.seconds = seconds();
  trainer_->save(path_in(options_.out, "checkpoint.safetensors"), to_notes(state_));
  saved_ = Clock::now();
}

void TrainingRun::report(const CurvePoint& point) {
  const double done = progress();
  const double left = done > 0 ? point.seconds * (1 - done) / done : 0;
  char text[96];
  std::snprintf(text, sizeof text, "step %lld, loss %.3f, %.1f examples/s, %s left",
                static_cast<long long>(point.step), point.loss,
                static_cast<double>(point.examples) / std::max(point.seconds, 1e-3),
                minutes_text(left).c_str());
  bar_.update(done, text);
  if (isatty(STDERR_FILENO) == 1 || Clock::now() - reported_ < kReportEvery) return;
  reported_ = Clock::now();
  std::fprintf(stderr, "%s: %s\n", kTool, text);
}

}  // namespace m3::train
