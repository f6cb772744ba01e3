#include "core/window_memory.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"

namespace m3 {
namespace {

using Kind = MemoryOperation::Kind;

constexpr int kUsualOver = 32;  // changes that the usual one is averaged over
constexpr int kFewChanges = 4;  // fewer tell nothing about the usual one

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

std::vector<MemoryOperation> WindowMemory::append(MemorySpan frame) {
  frame.scene = true;
  if (!spans_.empty()) {
    const double change = 1 - cosine(spans_.back().mean, frame.mean);
    frame.scene = frame.from_ns == kNoTime || spans_.back().from_ns == kNoTime ||
                  (changes_ >= kFewChanges && change > kSceneChange * usual_change_);
    changes_ = std::min<int64_t>(changes_ + 1, kUsualOver);
    usual_change_ += (change - usual_change_) / static_cast<double>(changes_);
  }
  frame.number = ++appended_;
  visual_tokens_ += frame.visual_tokens;
  positions_ += frame.visual_tokens + frame.marker_tokens;
  spans_.push_back(std::move(frame));
  compare(spans_.size() - 1);

  std::vector<MemoryOperation> operations;
  const auto perform = [&](const MemoryOperation& operation) {
    apply(operation);
    operations.push_back(operation);
  };
  const double share_of_limits = fits(1) ? 1 : 1 - limits_.slack;
  while (spans_.size() > 1 && !fits(share_of_limits)) {
    const MemoryOperation operation = next_operation();
    perform(operation);
    if (operation.kind != Kind::kCoarsen) continue;
    // It may have come down to its neighbours' scale; then one marker is enough.
    const size_t span = operation.span;
    if (mergeable(span) && one_marker(span)) perform({Kind::kMerge, span});
    if (span > 0 && mergeable(span - 1) && one_marker(span - 1)) perform({Kind::kMerge, span - 1});
  }
  return operations;
}

void WindowMemory::clear() {
  spans_.clear();
  visual_tokens_ = positions_ = 0;
  usual_change_ = 0;
  changes_ = appended_ = 0;
}

bool WindowMemory::fits(double share_of_limits) const {
  const auto within = [&](int64_t used, int limit) {
    return static_cast<double>(used) <= share_of_limits * limit;
  };
  if (!within(visual_tokens_, limits_.visual_tokens) || too_many()) return false;
  return limits_.positions == 0 || within(positions_, limits_.positions);
}

bool WindowMemory::too_many() const {
  return limits_.frames > 0 && spans_.size() > static_cast<size_t>(limits_.frames);
}

MemoryOperation WindowMemory::next_operation() const {
  if (too_many()) {
    if (const auto span = to_merge()) return {Kind::kMerge, *span};
    if (const auto span = to_thin_out()) return coarsen(*span);
    return {Kind::kDrop, 0};
  }
  if (const auto span = to_coarsen()) return coarsen(*span);
  if (const auto span = to_merge()) return {Kind::kMerge, *span};
  if (spans_.front().visual_tokens > ladder_.front()) return coarsen(0);
  return {Kind::kDrop, 0};
}

void WindowMemory::apply(const MemoryOperation& operation) {
  MemorySpan& span = spans_[operation.span];
  if (operation.kind == Kind::kCoarsen) {
    visual_tokens_ -= span.visual_tokens - operation.visual_tokens;
    positions_ -= span.visual_tokens - operation.visual_tokens;
    span.visual_tokens = operation.visual_tokens;
    return;
  }
  // What goes with a merge is the second one's place.
  const size_t leaves = operation.span + (operation.kind == Kind::kMerge ? 1 : 0);
  const MemorySpan& left = spans_[leaves];
  visual_tokens_ -= left.visual_tokens;
  positions_ -= left.visual_tokens + left.marker_tokens;
  if (operation.kind == Kind::kMerge) {
    const double part = static_cast<double>(left.frames) / (span.frames + left.frames);
    for (size_t i = 0; i < span.mean.size(); ++i) {
      span.mean[i] += static_cast<float>((left.mean[i] - span.mean[i]) * part);
    }
    span.frames += left.frames;
    span.to_ns = left.to_ns;
  }
  spans_.erase(spans_.begin() + static_cast<std::ptrdiff_t>(leaves));
  compare(operation.span);
  compare(operation.span + 1);
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
    const int64_t age = (appended_ - one.number) / (one.scene ? kSceneStays : 1);
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

// In the older half: the first of two neighbours of one scene that keeps them from being averaged.
std::optional<size_t> WindowMemory::to_thin_out() const {
  for (size_t span = 0; span + 1 < spans_.size() / 2; ++span) {
    if (spans_[span + 1].scene) continue;
    for (const size_t one : {span, span + 1}) {
      if (spans_[one].visual_tokens > ladder_.front()) return one;
    }
  }
  return std::nullopt;
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

void WindowMemory::compare(size_t span) {
  if (span == 0 || span >= spans_.size()) return;
  spans_[span].likeness = cosine(spans_[span - 1].mean, spans_[span].mean);
}

}  // namespace m3
