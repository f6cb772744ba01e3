// StreamWindow: what one stream's language model can look back on. Frames come in as spans; the
// oldest leave when the window is full; a span's keys and values are computed when somebody needs
// them, once. Threads: the engine's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/torch/decoder.h"
#include "core/torch/kv_cache.h"
#include "core/torch/model.h"
#include "core/window_memory.h"

namespace m3 {

// What is in the window when a question is asked.
struct WindowSummary {
  int64_t from_ns = kNoTime;  // stream time of the first and last frame that have one
  int64_t to_ns = kNoTime;
  int frames = 0;
  int visual_tokens = 0;
  int positions = 0;  // prefix, markers and visual tokens
};

class StreamWindow {
 public:
  // `model` is borrowed. Throws kInvalidArgument when the prefix alone does not fit the model's
  // context.
  StreamWindow(const Model& model, const SessionOptions& options);

  // Takes a frame in and drops what no longer fits. An unfinished prefill begins anew.
  void append(const FrameTokens& frame);
  // Goes on with the keys and values that are missing, until `deadline`; true when none is. After
  // an exception the window is as it was before the pass that failed.
  bool prefill(DecoderPass::Clock::time_point deadline);
  // Forgets all frames, and the unfinished prefill.
  void clear();

  // A question's view of the window as it is now, with room for `tail` tokens. prefill() must be
  // done.
  void copy_to(KvBranch& branch, int64_t tail) const { branch.start(prefix_, slab_, tail); }

  WindowSummary summary() const;

 private:
  struct Span : SpanSize {
    FrameTokens frame;
    std::vector<int32_t> marker;
    int64_t rows() const { return int64_t{marker_tokens} + visual_tokens; }
  };

  void begin_pass();
  void abandon_pass();  // as if it had not begun
  at::Tensor rows_of(const Span& span) const;

  const Model& model_;
  const WindowMemory memory_;
  const std::vector<int32_t> prefix_ids_;
  KvSlab prefix_;
  KvSlab slab_;             // rows of the first `prefilled_` spans
  std::deque<Span> spans_;  // oldest first
  size_t prefilled_ = 0;

  // The pass under way: over the prefix, or over spans behind the first `prefilled_`.
  std::optional<DecoderPass> pass_;
  std::vector<std::unique_ptr<SpanTarget>> targets_;
  size_t pass_spans_ = 0;  // 0: the prefix's
};

}  // namespace m3
