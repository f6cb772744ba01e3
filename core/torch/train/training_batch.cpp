#include "core/torch/train/training_batch.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>

#include "core/error.h"

namespace m3 {
namespace {

constexpr double kNanosecondsASecond = 1e9;
constexpr double kLatestSecond = 9e9;  // beyond, nanoseconds leave 64 bits

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, "Training example: " + what);
}

void check_example(const TrainingExample& example, const std::vector<int>& ladder) {
  if (example.turns.empty()) fail("it has no question");
  for (const TrainingFrame& frame : example.frames) {
    if (frame.scale != 0 && std::find(ladder.begin(), ladder.end(), frame.scale) == ladder.end())
      fail("scale " + std::to_string(frame.scale) + " is not of the model's ladder");
    if (frame.second && !(*frame.second >= 0 && *frame.second <= kLatestSecond))
      fail("a frame at second " + std::to_string(*frame.second));
  }
}

std::vector<double> weights_of(const StepOptions& options, size_t scales) {
  if (!options.scale_weights.empty()) {
    if (options.scale_weights.size() != scales)
      fail("there are " + std::to_string(options.scale_weights.size()) +
           " scale weights for a ladder of " + std::to_string(scales));
    return options.scale_weights;
  }
  std::vector<double> weights(scales, 1);
  if (scales > 1) weights.back() = 0.5;
  return weights;
}

// Number 0...1 from a seed: the same with every library.
double fraction(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

int draw(const std::vector<int>& ladder, const std::vector<double>& weights,
         std::mt19937_64& random) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  double left = fraction(random) * sum;
  for (size_t i = 0; i + 1 < ladder.size(); ++i) {
    left -= weights[i];
    if (left < 0) return ladder[i];
  }
  return ladder.back();
}

// Ids of a question, its answer and the answer's end.
struct Branch {
  std::vector<int32_t> ids;  // without the last one: nothing comes behind it
  size_t question = 0;       // how many of them are the question's
  std::vector<int32_t> answer;
};

Branch branch_of(const TrainingTurn& turn, const WindowLayout& layout) {
  Branch branch;
  branch.ids = layout.question_ids(turn.question);
  branch.question = branch.ids.size();
  branch.answer = layout.tokenizer().encode_behind(turn.answer);
  const std::vector<int32_t> end = layout.closing_ids();
  branch.answer.insert(branch.answer.end(), end.begin(), end.end());
  if (branch.ids.empty() || branch.answer.empty()) fail("an empty question or answer");
  branch.ids.insert(branch.ids.end(), branch.answer.begin(), branch.answer.end() - 1);
  return branch;
}

at::Tensor mask_of(const FlatWindow& window, size_t prefix, const WindowLayout& layout) {
  const size_t all = window.ids.size();
  const auto rows = static_cast<int64_t>(all - prefix);
  at::Tensor mask =
      at::empty({rows, static_cast<int64_t>(all)}, at::TensorOptions().dtype(at::kFloat));
  float* value = mask.mutable_data_ptr<float>();
  for (size_t query = prefix; query < all; ++query) {
    for (size_t key = 0; key < all; ++key)
      *value++ = layout.sees(window, query, key) ? 0.0F : -std::numeric_limits<float>::infinity();
  }
  return mask;
}

}  // namespace

std::vector<PlannedWindow> plan_windows(std::span<const TrainingExample> examples,
                                        const std::vector<int>& ladder,
                                        const StepOptions& options) {
  const std::vector<double> weights = weights_of(options, ladder.size());
  std::seed_seq seed{options.seed, options.seed >> 32};
  std::mt19937_64 random(seed);
  size_t answers = 0;
  for (const TrainingExample& example : examples) {
    check_example(example, ladder);
    answers += example.turns.size();
  }
  std::vector<PlannedWindow> planned;
  for (const TrainingExample& example : examples) {
    PlannedWindow window{&example, {}, 1.0 / static_cast<double>(answers)};
    bool open = false;
    for (const TrainingFrame& frame : example.frames) {
      open |= frame.scale == 0;
      window.scales.push_back(frame.scale);
    }
    if (open && options.all_scales) {
      window.weight /= static_cast<double>(ladder.size());
      for (const int scale : ladder) {
        planned.push_back(window);
        for (int& chosen : planned.back().scales) chosen = chosen == 0 ? scale : chosen;
      }
      continue;
    }
    for (int& chosen : window.scales) chosen = chosen == 0 ? draw(ladder, weights, random) : chosen;
    planned.push_back(std::move(window));
  }
  return planned;
}

TrainingBatch lay_out(std::span<const PlannedWindow> windows, const WindowLayout& layout,
                      int64_t context, int64_t most_rows) {
  TrainingBatch batch;
  const std::vector<int32_t> prefix = layout.prefix_ids({});
  batch.prefix = static_cast<int64_t>(prefix.size());
  batch.ids = prefix;
  for (int64_t place = 0; place < batch.prefix; ++place) batch.places.push_back(place);
  for (const PlannedWindow& planned : windows) {
    const TrainingExample& example = *planned.example;
    std::vector<SpanShape> spans;
    for (size_t i = 0; i < example.frames.size(); ++i) {
      const auto& second = example.frames[i].second;
      spans.push_back(
          {second ? static_cast<int64_t>(std::floor(*second * kNanosecondsASecond)) : kNoTime,
           planned.scales[i]});
    }
    std::vector<Branch> branches;
    std::vector<std::vector<int32_t>> ids;
    for (const TrainingTurn& turn : example.turns) {
      branches.push_back(branch_of(turn, layout));
      ids.push_back(branches.back().ids);
    }
    const FlatWindow flat = layout.flatten_ids({}, spans, ids);
    const auto rows = static_cast<int64_t>(flat.ids.size()) - batch.prefix;
    if (*std::max_element(flat.positions.begin(), flat.positions.end()) >= context)
      fail("it takes more positions than the model has, " + std::to_string(context));
    const auto first = static_cast<int64_t>(batch.ids.size());
    if (batch.taken > 0 && first + rows > most_rows) break;
    batch.windows.push_back({first, rows, mask_of(flat, prefix.size(), layout)});
    size_t frame = 0;
    size_t branch = 0;
    for (size_t i = prefix.size(); i < flat.ids.size(); ++i) {
      const auto row = static_cast<int64_t>(batch.ids.size());
      const bool visual = flat.ids[i] == kVisualToken;
      const bool begins = i == 0 || flat.segments[i - 1] != flat.segments[i];
      if (visual && (begins || flat.ids[i - 1] != kVisualToken)) {
        batch.spans.push_back({example.frames[frame].picture, planned.scales[frame], row});
        ++frame;
      }
      if (flat.segments[i] > 0 && begins) {
        const Branch& asked = branches[branch++];
        const auto share = planned.weight / static_cast<double>(asked.answer.size());
        for (size_t token = 0; token < asked.answer.size(); ++token) {
          batch.asked.push_back(row + static_cast<int64_t>(asked.question + token) - 1);
          batch.targets.push_back(asked.answer[token]);
          batch.weights.push_back(static_cast<float>(share));
        }
      }
      batch.ids.push_back(visual ? 0 : flat.ids[i]);
      batch.places.push_back(flat.positions[i]);
    }
    ++batch.taken;
  }
  return batch;
}

}  // namespace m3
