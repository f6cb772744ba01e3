// StreamWindow: what one stream's language model can look back on. Frames come in as spans; when
// the window is full WindowMemory says which become coarser, are averaged or leave, and here that
// is done to their tokens. A span's keys and values are computed when somebody needs them. With
// attention=spans they depend on nothing but the span: a change costs the changed span alone. With
// attention=causal they depend on everything before: a change costs the tail from there on, so room
// is made for many frames in one go. Threads: the engine's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/torch/decoder.h"
#include "core/torch/host_copy.h"
#include "core/torch/kv_cache.h"
#include "core/torch/model.h"
#include "core/window_memory.h"

namespace m3 {

// What is in the window when a question is asked.
struct WindowSummary {
  int64_t from_ns = kNoTime;  // stream time of the first and last frame that have one
  int64_t to_ns = kNoTime;
  int frames = 0;  // those that were averaged count each
  int visual_tokens = 0;
  int positions = 0;  // prefix, markers and visual tokens
};

class StreamWindow {
 public:
  // With attention=causal this share of the window is made free when it is full.
  static constexpr double kCausalSlack = 0.25;
  // Rows of spans that go through the model together, more only where one span alone has more.
  // Enough to use the processor well; more would only be more memory.
  static constexpr int64_t kRowsPerPass = 256;

  // `model` is borrowed. Throws kInvalidArgument when the prefix alone does not fit the model's
  // context.
  StreamWindow(const Model& model, const SessionOptions& options);

  // Takes a frame in, and makes room for it. An unfinished prefill begins anew. After an exception
  // the window is as it was before.
  void append(const FrameTokens& frame);
  // Goes on with the keys and values that are missing, until `deadline`; true when none is. After
  // an exception the window is as it was before the pass that failed. Alone; to share a pass with
  // other windows see below.
  bool prefill(DecoderPass::Clock::time_point deadline);
  // Forgets all frames, and the unfinished prefill.
  void clear();

  // The window as it is now, for questions; the same while nothing changes. prefill() must be
  // done.
  std::shared_ptr<const KvBase> base();

  // For who runs the passes of several windows (Prefiller).
  bool misses_rows() const;
  // Puts the next rows that are missing behind `rows` and `groups`, at most `most` or one span's,
  // and returns how many; 0 when none is missing. Until one of the two below is called the window
  // must not change otherwise.
  int64_t begin_pass(int64_t most, std::vector<at::Tensor>& rows, std::vector<RowGroup>& groups);
  void end_pass();      // the rows have passed the model
  void abandon_pass();  // as if it had not begun

  WindowSummary summary() const;
  const WindowMemory& memory() const noexcept { return memory_; }
  // Rows that went through the model so far: what the window has cost.
  int64_t rows_computed() const noexcept { return rows_computed_; }
  int64_t slab_capacity() const { return slab_.capacity(); }

 private:
  // What WindowMemory's books do not have of a span.
  struct Span {
    std::vector<int32_t> marker;
    at::Tensor tokens;  // [n, hidden], float32
    KvRows rows;        // empty: to be computed
    int64_t size() const { return static_cast<int64_t>(marker.size()) + tokens.size(0); }
  };

  // What a change of the window did away with.
  struct Undo {
    MemoryOperation operation;
    at::Tensor tokens;  // of the span before; undefined with kDrop
    Span left;          // what has gone; empty with kCoarsen
  };

  void carry_out(const MemoryOperation& operation);
  void take_back();
  void forget_rows(size_t span);
  bool begin_own_pass();
  RowGroup group_of(KvRows rows, int64_t spans);
  void add_span_groups(std::vector<RowGroup>& groups);
  RowGroup causal_group();
  at::Tensor rows_of(const Span& span) const;
  at::Tensor index_of(size_t spans) const;  // of prefix and oldest spans, as KvSlab takes it

  const Model& model_;
  const bool causal_;
  const std::vector<int32_t> prefix_ids_;
  WindowMemory memory_;
  std::optional<HostCopy> newest_mean_;  // which memory_ has not been told yet
  std::vector<Undo> undo_;               // of the append under way
  KvSlab slab_;
  KvRows prefix_rows_;            // empty: to be computed
  std::deque<Span> spans_;        // oldest first, those of memory_
  std::shared_ptr<KvBase> base_;  // as it was made last
  bool base_is_old_ = true;
  int64_t rows_computed_ = 0;

  // The pass under way.
  std::optional<DecoderPass> pass_;  // of prefill()
  std::vector<std::unique_ptr<KvTarget>> targets_;
  std::vector<size_t> pass_spans_;  // places of its spans; none: the prefix's
  int64_t pass_rows_ = 0;           // 0: none is under way
};

}  // namespace m3
