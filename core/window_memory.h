// WindowMemory: what a bounded window remembers of a stream that never ends. While everything fits
// nothing is touched. When it is full, what is old becomes coarser, one step of the ladder at a
// time (nested tokens: a coarse level is a mean of the finer one); neighbours that are down to the
// coarsest scale are averaged, those of one scene first and then scenes. Nothing of a stream is
// dropped but an only frame for one that fills the window. It plans and keeps the books:
// whoever owns the tokens carries the operations out, in their order.
//
// What goes first. Every level of the ladder may hold an equal share of the window's tokens. Of the
// finest level that is over its share the oldest frame is coarsened, where one that begins a scene
// counts as kSceneStays times younger. Neighbours at the coarsest scale are averaged when they
// belong to one scene: first those less than kMarkerNs apart, so that a marker is paid at most once
// in that time, then the two that are most alike. When every scene is down to one such
// span, but for the newest frames, neighbouring scenes are averaged: those two that hold the fewest
// scenes for their age, so that what is twice as old is known half as exactly. Each scene counts
// alike in the mean, however long it was: two seconds are not drowned by twenty.
//
// A frame begins a scene when it differs from the one before (1 - cosine of their mean tokens) by
// more than kSceneChange times the usual difference, an average over the last frames in which what
// is more than that counts as that. Still pictures are scenes of their own; they are never
// averaged, and the oldest leaves.
//
// Threads: one session's memory is used from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/export.h"
#include "core/frame.h"

namespace m3 {

struct WindowLimits {
  int visual_tokens = 1024;  // in all spans together, >= 1
  int frames = 0;            // spans at most, 0: no limit of its own
  int positions = 0;         // visual tokens and markers of all spans, 0: no limit of its own
  // Share of the window that is made free in one go when it is full, 0..0.9. More than 0 where any
  // change costs the tail behind it (causal attention), so that changes are rare.
  double slack = 0;
};

struct SpanSize {
  int visual_tokens = 0;
  int marker_tokens = 0;
};

// One place of the window: a frame, or frames that were averaged.
struct MemorySpan : SpanSize {
  int64_t from_ns = kNoTime;  // stream time of its first frame, which its marker names
  int64_t to_ns = kNoTime;    // and of its last one; kNoTime: a still picture
  int64_t frames = 1;
  int64_t scenes = 1;  // that it is a mean of
  // Of its visual tokens; any width, the same for all spans. Empty: to be told by
  // describe_newest().
  std::vector<float> mean;

  // WindowMemory's own business.
  bool scene = false;   // begins a scene
  int64_t number = 0;   // of its first frame among all that were appended, from 1
  double likeness = 0;  // cosine to the span before
};

// One step on the window. Spans are counted from the oldest, as they stand when its turn comes.
struct MemoryOperation {
  enum class Kind {
    kCoarsen,  // `span` is pooled to `visual_tokens`, the next coarser scale
    kMerge,    // `span` and the one behind it become one, the mean of both; the marker of the first
               // stays
    kDrop,     // `span` leaves
  };
  Kind kind = Kind::kDrop;
  size_t span = 0;
  int visual_tokens = 0;  // with kCoarsen
  double part = 0;        // with kMerge: what the second one weighs in the mean, 0..1

  friend bool operator==(const MemoryOperation&, const MemoryOperation&) = default;
};

class M3_API WindowMemory {
 public:
  static constexpr int64_t kMarkerNs = 5'000'000'000;
  static constexpr double kSceneChange = 3;
  static constexpr int64_t kSceneStays = 4;
  static constexpr size_t kNewest = 3;  // frames that are not averaged while others can be

  // ladder: ascending scales. Throws kInvalidArgument for limits that leave no room and for a
  // ladder that is empty.
  WindowMemory(WindowLimits limits, std::vector<int> ladder);

  const WindowLimits& limits() const noexcept { return limits_; }
  const std::deque<MemorySpan>& spans() const noexcept { return spans_; }  // oldest first

  // Takes a frame in behind the others. Returns what must be done to the older spans before it,
  // in order; valid until the next call. The frame itself always stays as it is, even when it
  // alone is over the limit.
  const std::vector<MemoryOperation>& append(MemorySpan frame);
  // The newest frame's mean, where append() came without it: no plan rests on it before the next
  // append(), so it may be on its way from a device meanwhile. A frame that is never described
  // counts as one that begins a scene.
  void describe_newest(std::vector<float> mean);
  // The last append() never was, nor its operations: for an owner who could not carry them out.
  // Once, and only right after it.
  void take_back();
  void clear();

 private:
  struct Books {
    int64_t visual_tokens = 0;  // of all spans
    int64_t positions = 0;
    double usual_change = 0;
    int64_t changes = 0;  // that usual_change rests on
    int64_t appended = 0;
  };
  // What an operation did away with.
  struct Undo {
    int visual_tokens = 0;    // of the span before; with kCoarsen
    int64_t frames = 0;       // likewise; with kMerge
    int64_t scenes = 0;       // likewise
    int64_t to_ns = kNoTime;  // likewise
    std::vector<float> mean;  // likewise
    MemorySpan left;          // what has gone; with kMerge and kDrop
  };

  bool fits(double share_of_limits) const;
  bool too_many() const;
  MemoryOperation next_operation() const;
  void forget_undo();
  void apply(const MemoryOperation& operation);
  void merge(MemorySpan& span, Undo& undo, double part);
  void perform(const MemoryOperation& operation);
  std::optional<size_t> to_coarsen() const;
  std::optional<size_t> oldest_to_coarsen(int scale, double share) const;
  std::optional<size_t> to_merge() const;
  std::optional<size_t> to_thin_out() const;
  std::optional<size_t> scenes_to_merge() const;
  bool mergeable(size_t span) const;  // with the one behind it
  bool one_marker(size_t span) const;
  MemoryOperation coarsen(size_t span) const;
  MemoryOperation merging(size_t span) const;
  void compare(size_t span);

  const WindowLimits limits_;
  const std::vector<int> ladder_;
  std::deque<MemorySpan> spans_;
  Books books_;
  std::vector<float> last_mean_;  // of the frame that was described last
  int64_t last_ns_ = kNoTime;     // and its time
  // Of the last append().
  std::vector<MemoryOperation> operations_;
  std::vector<Undo> undo_;
  std::vector<std::vector<float>> spare_;  // means of what is gone: memory for the next average
  Books books_before_;
};

}  // namespace m3
