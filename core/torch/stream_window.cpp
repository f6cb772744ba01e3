#include "core/torch/stream_window.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/torch/token_pool.h"

namespace m3 {
namespace {

constexpr int kDefaultVisualTokens = 1024;
// Rows of spans that go through the model together, more only where one span alone has more. Enough
// to use the processor well; more would only be more memory.
constexpr int64_t kRowsPerPass = 256;
// Positions left free behind the window for a question and its answer, at most half of the context.
constexpr int kRoomForQuestion = 1024;

WindowLimits limits_of(const Model& model, const SessionOptions& options, int prefix_tokens) {
  WindowLimits limits;
  limits.visual_tokens = options.window_tokens;
  if (options.window_tokens == 0) {
    const int trained = model.info.trained_visual_tokens;
    limits.visual_tokens = trained > 0 ? trained : kDefaultVisualTokens;
    limits.frames = model.info.trained_frames;
  }
  const int context = model.info.context_tokens;
  limits.positions = context - prefix_tokens - std::min(kRoomForQuestion, context / 2);
  if (limits.positions < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "the system prompt takes " + std::to_string(prefix_tokens) + " of the model's " +
                    std::to_string(context) +
                    " positions and leaves no room for a window; shorten it");
  }
  return limits;
}

}  // namespace

StreamWindow::StreamWindow(const Model& model, const SessionOptions& options)
    : model_(model),
      memory_(limits_of(model, options,
                        static_cast<int>(model.layout.prefix_ids(options.system_prompt).size()))),
      prefix_ids_(model.layout.prefix_ids(options.system_prompt)),
      prefix_(model.decoder.shape(), model.decoder.options()),
      slab_(model.decoder.shape(), model.decoder.options()) {}

void StreamWindow::append(const FrameTokens& frame) {
  if (pass_) abandon_pass();  // of a question that was cancelled
  Span span;
  span.frame = frame;
  span.marker = model_.layout.marker_ids(frame.pts_ns);
  span.marker_tokens = static_cast<int>(span.marker.size());
  span.visual_tokens = frame.tokens.scale();
  for (size_t drop = memory_.spans_to_drop(spans_, span); drop > 0; --drop) {
    if (prefilled_ > 0) {
      slab_.drop_oldest(spans_.front().rows());
      --prefilled_;
    }
    spans_.pop_front();
  }
  spans_.push_back(std::move(span));
}

bool StreamWindow::prefill(DecoderPass::Clock::time_point deadline) {
  while (true) {
    if (!pass_) {
      if (prefix_.rows() > 0 && prefilled_ == spans_.size()) return true;
      begin_pass();
    }
    try {
      if (!pass_->run(deadline)) return false;
    } catch (...) {
      abandon_pass();
      throw;
    }
    pass_.reset();
    targets_.clear();
    prefilled_ += std::exchange(pass_spans_, 0);
    if (DecoderPass::Clock::now() >= deadline) {
      return prefilled_ == spans_.size();
    }
  }
}

void StreamWindow::clear() {
  if (pass_) abandon_pass();
  slab_.clear();
  spans_.clear();
  prefilled_ = 0;
}

void StreamWindow::abandon_pass() {
  pass_.reset();
  targets_.clear();
  if (pass_spans_ == 0) prefix_.clear();
  for (; pass_spans_ > 0; --pass_spans_)
    slab_.drop_newest(spans_[prefilled_ + pass_spans_ - 1].rows());
}

// Which spans share a pass depends on the spans alone, never on the time.
void StreamWindow::begin_pass() {
  const Decoder& decoder = model_.decoder;
  std::vector<at::Tensor> rows;
  std::vector<RowGroup> groups;
  const auto add_target = [&](KvSlab& slab, int64_t spans, int64_t rows_each) {
    const int64_t row = slab.append(spans * rows_each);
    targets_.push_back(std::make_unique<SpanTarget>(slab, row, spans, rows_each, decoder.rope()));
    groups.push_back({spans * rows_each, targets_.back().get()});
  };
  if (prefix_.rows() == 0) {
    rows.push_back(decoder.embed(prefix_ids_));
    add_target(prefix_, 1, static_cast<int64_t>(prefix_ids_.size()));
  } else {
    int64_t total = 0;
    size_t next = prefilled_;
    while (next < spans_.size() && (total == 0 || total + spans_[next].rows() <= kRowsPerPass)) {
      // Neighbours of equal length attend in one call.
      const int64_t rows_each = spans_[next].rows();
      int64_t equal = 0;
      while (next < spans_.size() && spans_[next].rows() == rows_each &&
             (total == 0 || total + rows_each <= kRowsPerPass)) {
        rows.push_back(rows_of(spans_[next++]));
        total += rows_each;
        ++equal;
      }
      add_target(slab_, equal, rows_each);
    }
    pass_spans_ = next - prefilled_;
  }
  pass_.emplace(decoder, at::cat(rows), std::move(groups));
}

at::Tensor StreamWindow::rows_of(const Span& span) const {
  const at::Tensor marker = model_.decoder.embed(span.marker);
  return at::cat({marker, values_of(*span.frame.tokens.shown(), marker.options())});
}

WindowSummary StreamWindow::summary() const {
  WindowSummary summary;
  summary.positions = static_cast<int>(prefix_ids_.size());
  for (const Span& span : spans_) {
    ++summary.frames;
    summary.visual_tokens += span.visual_tokens;
    summary.positions += static_cast<int>(span.rows());
    if (span.frame.pts_ns == kNoTime) continue;
    if (summary.from_ns == kNoTime) summary.from_ns = span.frame.pts_ns;
    summary.to_ns = span.frame.pts_ns;
  }
  return summary;
}

}  // namespace m3
