// TrainingBatch: windows of several examples laid out as rows that go through the language model
// together. The prefix is the same for all of them and stands there once; behind it lie the rows of
// each window, without padding. core/window_layout decides on ids, positions and who sees whom.
// Threads: values and free functions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/trainer.h"
#include "core/training_example.h"
#include "core/window_layout.h"

namespace m3 {

// An example as it is shown: the scale of each frame, and how much its answers count.
struct PlannedWindow {
  const TrainingExample* example = nullptr;  // borrowed
  std::vector<int> scales;                   // one a frame
  double weight = 1;                         // of each answer in the loss
};

// Chooses scales as StepOptions say. The weights of all answers add up to 1. Throws
// kInvalidArgument for an example that is not one.
std::vector<PlannedWindow> plan_windows(std::span<const TrainingExample> examples,
                                        const std::vector<int>& ladder, const StepOptions& options);

// Where a window's rows lie, and what they see.
struct BatchWindow {
  int64_t first = 0;
  int64_t rows = 0;
  at::Tensor mask;  // [rows, prefix + rows], float32, added to the scores of prefix and own rows
};

// Where a frame's visual tokens lie.
struct BatchSpan {
  size_t picture = 0;
  int scale = 0;
  int64_t first = 0;  // row
};

struct TrainingBatch {
  int64_t prefix = 0;           // rows
  std::vector<int32_t> ids;     // [rows], 0 at visual tokens
  std::vector<int64_t> places;  // [rows]: positions in the window
  std::vector<BatchWindow> windows;
  std::vector<BatchSpan> spans;
  std::vector<int64_t> asked;    // rows whose next token is learned
  std::vector<int64_t> targets;  // that token
  std::vector<float> weights;    // how much it counts
  size_t taken = 0;              // planned windows that are in it
};

// Lays out the first of `windows`: as many as have `most_rows` rows together, at least one. Throws
// kInvalidArgument for a window longer than `context`.
TrainingBatch lay_out(std::span<const PlannedWindow> windows, const WindowLayout& layout,
                      int64_t context, int64_t most_rows);

}  // namespace m3
