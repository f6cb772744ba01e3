#include "core/window_memory.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"

namespace m3 {
namespace {

using Kind = MemoryOperation::Kind;

constexpr int kUsualOver = 32;         // changes that the usual one is averaged over
constexpr double kLeastChange = 0.01;  // less never begins a scene
constexpr size_t kMostSpare = 8;

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace

WindowMemory::WindowMemory(WindowLimits limits, std::vector<int> ladder)
    : limits_(limits), ladder_(std::move(ladder)) {
  const auto refuse = [](const std::string& text) {
    throw Error(ErrorCode::kInvalidArgument, "Window: " + text);
  };
  if (limits.visual_tokens < 1) {
    refuse("a limit of " + std::to_string(limits.visual_tokens) +
           " visual tokens leaves no room for a frame");
  }
  if (limits.frames < 0 || limits.positions < 0) {
    refuse("limits of " + std::to_string(limits.frames) + " frames and " +
           std::to_string(limits.positions) + " positions must not be negative (0: no limit)");
  }
  if (!(limits.slack >= 0 && limits.slack <= 0.9)) {
    refuse("slack = " + std::to_string(limits.slack) + " is not in 0..0.9");
  }
  if (ladder_.empty()) refuse("the ladder of scales is empty");
}

const std::vector<MemoryOperation>& WindowMemory::append(MemorySpan frame) {
  operations_.clear();
  forget_undo();
  books_before_ = books_;
  std::vector<float> mean = std::exchange(frame.mean, {});
  frame.scene = true;
  frame.number = ++books_.appended;
  books_.visual_tokens += frame.visual_tokens;
  books_.positions += frame.visual_tokens + frame.marker_tokens;
  spans_.push_back(std::move(frame));
  if (!mean.empty()) describe_newest(std::move(mean));

  const double share_of_limits = fits(1) ? 1 : 1 - limits_.slack;
  while (spans_.size() > 1 && !fits(share_of_limits)) {
    const MemoryOperation operation = next_operation();
    perform(operation);
    if (operation.kind != Kind::kCoarsen) continue;
    // It may have come down to its neighbours' scale; then one marker is enough.
    const size_t span = operation.span;
    if (mergeable(span) && one_marker(span)) perform(merging(span));
    if (span > 0 && mergeable(span - 1) && one_marker(span - 1)) perform(merging(span - 1));
  }
  return operations_;
}

void WindowMemory::perform(const MemoryOperation& operation) {
  operations_.push_back(operation);
  apply(operation);
}

// Against the frame before it. That one may have become part of an average or have left meanwhile,
// so what it was is kept apart.
void WindowMemory::describe_newest(std::vector<float> mean) {
  MemorySpan& newest = spans_.back();
  if (!last_mean_.empty()) {
    // What is more than usual hardly makes it usual: frames may come because something changed, and
    // then every other one begins a scene. Where all change for good that is usual after a while.
    const double change = 1 - cosine(last_mean_, mean);
    const double most =
        books_.changes == 0 ? change : std::max(kLeastChange, kSceneChange * books_.usual_change);
    newest.scene = newest.from_ns == kNoTime || last_ns_ == kNoTime || change > most;
    books_.changes = std::min<int64_t>(books_.changes + 1, kUsualOver);
    books_.usual_change +=
        (std::min(change, most) - books_.usual_change) / static_cast<double>(books_.changes);
  }
  last_mean_ = mean;
  last_ns_ = newest.to_ns;
  newest.mean = std::move(mean);
  compare(spans_.size() - 1);
}

void WindowMemory::take_back() {
  for (; !operations_.empty(); operations_.pop_back(), undo_.pop_back()) {
    const auto [kind, span, visual_tokens, part] = operations_.back();
    Undo& undo = undo_.back();
    if (kind == Kind::kCoarsen) {
      spans_[span].visual_tokens = undo.visual_tokens;
      continue;
    }
    size_t left = span;
    if (kind == Kind::kMerge) {
      spans_[span].frames = undo.frames;
      spans_[span].scenes = undo.scenes;
      spans_[span].to_ns = undo.to_ns;
      spans_[span].mean = std::move(undo.mean);
      compare(span);
      ++left;
    }
    spans_.insert(spans_.begin() + static_cast<std::ptrdiff_t>(left), std::move(undo.left));
    compare(left + 1);
  }
  spans_.pop_back();
  books_ = books_before_;
  last_mean_ = spans_.empty() ? std::vector<float>() : spans_.back().mean;
  last_ns_ = spans_.empty() ? kNoTime : spans_.back().to_ns;
}

void WindowMemory::clear() {
  spans_.clear();
  books_ = {};
  last_mean_.clear();
  last_ns_ = kNoTime;
}

bool WindowMemory::fits(double share_of_limits) const {
  const auto within = [&](int64_t used, int limit) {
    return static_cast<double>(used) <= share_of_limits * limit;
  };
  if (!within(books_.visual_tokens, limits_.visual_tokens) || too_many()) return false;
  return limits_.positions == 0 || within(books_.positions, limits_.positions);
}

bool WindowMemory::too_many() const {
  return limits_.frames > 0 && spans_.size() > static_cast<size_t>(limits_.frames);
}

MemoryOperation WindowMemory::next_operation() const {
  const bool too_many = this->too_many();
  if (!too_many) {
    if (const auto span = to_coarsen()) return coarsen(*span);
  }
  if (const auto span = to_merge()) return merging(*span);
  if (too_many) {
    if (const auto span = to_thin_out()) return coarsen(*span);
  }
  if (const auto span = scenes_to_merge()) {
    for (const size_t one : {*span, *span + 1}) {
      if (spans_[one].visual_tokens > ladder_.front()) return coarsen(one);
    }
    return merging(*span);
  }
  if (!too_many && spans_.front().visual_tokens > ladder_.front()) return coarsen(0);
  return {Kind::kDrop, 0};
}

// The last append() stays. What it did away with gives its memory to the next averages.
void WindowMemory::forget_undo() {
  const auto keep = [&](std::vector<float>& mean) {
    if (mean.capacity() > 0 && spare_.size() < kMostSpare) spare_.push_back(std::move(mean));
  };
  for (Undo& undo : undo_) {
    keep(undo.mean);
    keep(undo.left.mean);
  }
  undo_.clear();
}

void WindowMemory::apply(const MemoryOperation& operation) {
  Undo& undo = undo_.emplace_back();
  MemorySpan& span = spans_[operation.span];
  if (operation.kind == Kind::kCoarsen) {
    undo.visual_tokens = span.visual_tokens;
    books_.visual_tokens -= span.visual_tokens - operation.visual_tokens;
    books_.positions -= span.visual_tokens - operation.visual_tokens;
    span.visual_tokens = operation.visual_tokens;
    return;
  }
  // What goes with a merge is the second one's place.
  const size_t leaves = operation.span + (operation.kind == Kind::kMerge ? 1 : 0);
  undo.left = std::move(spans_[leaves]);
  const MemorySpan& left = undo.left;
  books_.visual_tokens -= left.visual_tokens;
  books_.positions -= left.visual_tokens + left.marker_tokens;
  if (operation.kind == Kind::kMerge) merge(span, undo, operation.part);
  spans_.erase(spans_.begin() + static_cast<std::ptrdiff_t>(leaves));
  compare(operation.span);
  compare(operation.span + 1);
}

// Takes undo.left into the span.
void WindowMemory::merge(MemorySpan& span, Undo& undo, double part) {
  const MemorySpan& left = undo.left;
  undo.frames = span.frames;
  undo.scenes = span.scenes;
  undo.to_ns = span.to_ns;
  undo.mean.swap(span.mean);
  if (!spare_.empty()) {
    span.mean.swap(spare_.back());
    spare_.pop_back();
  }
  span.mean.resize(undo.mean.size());
  for (size_t i = 0; i < span.mean.size(); ++i) {
    span.mean[i] = undo.mean[i] + static_cast<float>((left.mean[i] - undo.mean[i]) * part);
  }
  span.frames += left.frames;
  if (left.scene) span.scenes += left.scenes;
  span.to_ns = left.to_ns;
}

// The oldest frame of the finest level that is over its share.
std::optional<size_t> WindowMemory::to_coarsen() const {
  const double share = static_cast<double>(limits_.visual_tokens) / ladder_.size();
  for (size_t level = ladder_.size() - 1; level > 0; --level) {
    if (const auto span = oldest_to_coarsen(ladder_[level], share)) return span;
  }
  return std::nullopt;
}

std::optional<size_t> WindowMemory::oldest_to_coarsen(int scale, double share) const {
  int64_t tokens = 0;
  std::optional<size_t> oldest;
  int64_t oldest_age = -1;
  for (size_t span = 0; span < spans_.size(); ++span) {
    const MemorySpan& one = spans_[span];
    if (one.visual_tokens != scale) continue;
    tokens += scale;
    if (span + 1 == spans_.size()) continue;  // the newest stays as it is
    const int64_t age = (books_.appended - one.number) / (one.scene ? kSceneStays : 1);
    if (age > oldest_age) {
      oldest = span;
      oldest_age = age;
    }
  }
  return static_cast<double>(tokens) > share ? oldest : std::nullopt;
}

std::optional<size_t> WindowMemory::to_merge() const {
  std::optional<size_t> most_alike;
  for (size_t span = 0; span + 2 < spans_.size(); ++span) {
    if (!mergeable(span)) continue;
    if (one_marker(span)) return span;
    if (!most_alike || spans_[span + 1].likeness > spans_[*most_alike + 1].likeness) {
      most_alike = span;
    }
  }
  return most_alike;
}

// Behind the newest frames: the first of two neighbours of one scene that keeps them from being
// averaged.
std::optional<size_t> WindowMemory::to_thin_out() const {
  for (size_t span = 0; span + 1 + kNewest < spans_.size(); ++span) {
    if (spans_[span + 1].scene) continue;
    for (const size_t one : {span, span + 1}) {
      if (spans_[one].visual_tokens > ladder_.front()) return one;
    }
  }
  return std::nullopt;
}

// The first of two neighbours that hold the fewest scenes for their age, the oldest of equals. One
// of the newest frames only where there is no other.
std::optional<size_t> WindowMemory::scenes_to_merge() const {
  std::optional<size_t> chosen;
  double least = 0;
  // In scenes, of what is behind the two. The newest frame counts as one: no plan rests on how it
  // looks.
  int64_t age = 1;
  for (size_t second = spans_.size() - 1; second-- > 1;) {
    const MemorySpan& behind = spans_[second + 1];
    if (second + 2 < spans_.size() && behind.scene) age += behind.scenes;
    const MemorySpan& one = spans_[second - 1];
    const MemorySpan& other = spans_[second];
    if (one.from_ns == kNoTime || other.from_ns == kNoTime) continue;
    const double share = static_cast<double>(one.scenes + other.scenes) / static_cast<double>(age);
    const bool is_new = second + kNewest >= spans_.size();
    if (!chosen || *chosen + 1 + kNewest >= spans_.size() || (!is_new && share <= least)) {
      chosen = second - 1;
      least = share;
    }
  }
  return chosen;
}

bool WindowMemory::mergeable(size_t span) const {
  const auto coarsest = [&](size_t one) { return spans_[one].visual_tokens <= ladder_.front(); };
  return span + 2 < spans_.size() && coarsest(span) && coarsest(span + 1) &&
         !spans_[span + 1].scene;
}

bool WindowMemory::one_marker(size_t span) const {
  return spans_[span + 1].from_ns - spans_[span].from_ns < kMarkerNs;
}

MemoryOperation WindowMemory::coarsen(size_t span) const {
  const auto above = std::lower_bound(ladder_.begin(), ladder_.end(), spans_[span].visual_tokens);
  return {Kind::kCoarsen, span, above == ladder_.begin() ? ladder_.front() : *(above - 1)};
}

// Frames of one scene count alike, and so do scenes.
MemoryOperation WindowMemory::merging(size_t span) const {
  const MemorySpan& one = spans_[span];
  const MemorySpan& other = spans_[span + 1];
  const auto part = other.scene ? static_cast<double>(other.scenes) / (one.scenes + other.scenes)
                                : static_cast<double>(other.frames) / (one.frames + other.frames);
  return {Kind::kMerge, span, 0, part};
}

void WindowMemory::compare(size_t span) {
  if (span == 0 || span >= spans_.size()) return;
  spans_[span].likeness = cosine(spans_[span - 1].mean, spans_[span].mean);
}

}  // namespace m3
