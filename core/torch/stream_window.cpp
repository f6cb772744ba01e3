#include "core/torch/stream_window.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/lerp.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/torch/token_pool.h"

namespace m3 {
namespace {

constexpr int kDefaultVisualTokens = 1024;
// Positions left free behind the window for a question and its answer, at most half of the context.
constexpr int kRoomForQuestion = 1024;

WindowLimits limits_of(const Model& model, const SessionOptions& options, int prefix_tokens) {
  WindowLimits limits;
  if (model.layout.attention() == Attention::kCausal) limits.slack = StreamWindow::kCausalSlack;
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
      causal_(model.layout.attention() == Attention::kCausal),
      prefix_ids_(model.layout.prefix_ids(options.system_prompt)),
      memory_(limits_of(model, options, static_cast<int>(prefix_ids_.size())), *model.ladder),
      slab_(model.decoder.shape(), model.decoder.options()) {}

void StreamWindow::append(const FrameTokens& frame) {
  abandon_pass();  // of a question that was cancelled
  base_is_old_ = true;
  Span span;
  span.marker = model_.layout.marker_ids(frame.pts_ns);
  // What is shown, and not the finer levels that the frame still has: a window of coarse frames
  // must not hold the memory of fine ones.
  span.tokens =
      values_of(*frame.tokens.shown(), at::TensorOptions(model_.device).dtype(at::kFloat));
  MemorySpan entry;
  entry.marker_tokens = static_cast<int>(span.marker.size());
  entry.visual_tokens = frame.tokens.scale();
  entry.from_ns = entry.to_ns = frame.pts_ns;
  HostCopy mean(span.tokens.mean(0));
  if (newest_mean_) {
    memory_.describe_newest(newest_mean_->take());
    newest_mean_.reset();
  }
  try {
    for (const MemoryOperation& operation : memory_.append(std::move(entry))) carry_out(operation);
    spans_.push_back(std::move(span));
  } catch (...) {
    take_back();
    throw;
  }
  undo_.clear();
  newest_mean_ = std::move(mean);
}

// The books (memory_) are ahead of the spans: they know how all of it ends.
void StreamWindow::carry_out(const MemoryOperation& operation) {
  const auto place = spans_.begin() + static_cast<std::ptrdiff_t>(operation.span);
  undo_.reserve(undo_.size() + 1);  // nothing is lost between a span and its undo
  forget_rows(operation.span);
  switch (operation.kind) {
    case MemoryOperation::Kind::kCoarsen: {
      at::Tensor coarse =
          pool_square(place->tokens, grid_of(static_cast<int>(place->tokens.size(0))),
                      grid_of(operation.visual_tokens));
      undo_.push_back({operation, std::exchange(place->tokens, std::move(coarse)), {}});
      break;
    }
    case MemoryOperation::Kind::kMerge: {
      forget_rows(operation.span + 1);
      Span& next = *(place + 1);
      at::Tensor both = at::lerp(place->tokens, next.tokens, operation.part);
      undo_.push_back({operation, std::exchange(place->tokens, std::move(both)), std::move(next)});
      spans_.erase(place + 1);
      break;
    }
    case MemoryOperation::Kind::kDrop:
      undo_.push_back({operation, {}, std::move(*place)});
      spans_.erase(place);
      break;
  }
}

// The last append never was. Rows that it made void stay so.
void StreamWindow::take_back() {
  for (; !undo_.empty(); undo_.pop_back()) {
    auto& [operation, tokens, left] = undo_.back();
    const auto place = spans_.begin() + static_cast<std::ptrdiff_t>(operation.span);
    if (operation.kind != MemoryOperation::Kind::kDrop) place->tokens = std::move(tokens);
    if (operation.kind == MemoryOperation::Kind::kMerge) spans_.insert(place + 1, std::move(left));
    if (operation.kind == MemoryOperation::Kind::kDrop) spans_.insert(place, std::move(left));
  }
  memory_.take_back();
}

// Gives back the keys and values that a change of this span makes void.
void StreamWindow::forget_rows(size_t span) {
  const size_t end = causal_ ? spans_.size() : span + 1;
  for (; span < end; ++span) slab_.give_back(std::exchange(spans_[span].rows, {}));
}

bool StreamWindow::prefill(DecoderPass::Clock::time_point deadline) {
  while (pass_ || begin_own_pass()) {
    try {
      if (!pass_->run(deadline)) return false;
    } catch (...) {
      abandon_pass();
      throw;
    }
    end_pass();
    if (DecoderPass::Clock::now() >= deadline) return !misses_rows();
  }
  return true;
}

void StreamWindow::clear() {
  abandon_pass();
  for (const Span& span : spans_) slab_.give_back(span.rows);
  spans_.clear();
  memory_.clear();
  newest_mean_.reset();
  base_is_old_ = true;
}

bool StreamWindow::misses_rows() const {
  return (prefix_rows_.empty() && !prefix_ids_.empty()) ||
         std::any_of(spans_.begin(), spans_.end(),
                     [](const Span& span) { return span.rows.empty(); });
}

bool StreamWindow::begin_own_pass() {
  std::vector<at::Tensor> rows;
  std::vector<RowGroup> groups;
  try {
    if (begin_pass(kRowsPerPass, rows, groups) == 0) return false;
    pass_.emplace(model_.decoder, at::cat(rows), std::move(groups));
  } catch (...) {
    abandon_pass();
    throw;
  }
  return true;
}

// Which spans share a pass depends on the spans alone, never on the time.
int64_t StreamWindow::begin_pass(int64_t most, std::vector<at::Tensor>& rows,
                                 std::vector<RowGroup>& groups) {
  if (!misses_rows()) return 0;
  if (prefix_rows_.empty() && !prefix_ids_.empty()) {
    rows.push_back(model_.decoder.embed(prefix_ids_));
    pass_rows_ = rows.back().size(0);
    prefix_rows_ = slab_.take(pass_rows_);
    groups.push_back(group_of(prefix_rows_, 1));
    return pass_rows_;
  }
  for (size_t place = 0; place < spans_.size(); ++place) {
    Span& span = spans_[place];
    if (!span.rows.empty()) continue;
    if (pass_rows_ > 0 && pass_rows_ + span.size() > most) break;
    rows.push_back(rows_of(span));
    pass_spans_.push_back(place);
    span.rows = slab_.take(span.size());
    pass_rows_ += span.size();
  }
  if (causal_) {
    groups.push_back(causal_group());
  } else {
    add_span_groups(groups);
  }
  return pass_rows_;
}

RowGroup StreamWindow::group_of(KvRows rows, int64_t spans) {
  const int64_t count = count_of(rows);
  targets_.push_back(
      std::make_unique<SpanTarget>(slab_, std::move(rows), spans, model_.decoder.rope()));
  return {count, targets_.back().get()};
}

// Neighbours of equal length attend in one call.
void StreamWindow::add_span_groups(std::vector<RowGroup>& groups) {
  for (size_t first = 0; first < pass_spans_.size();) {
    KvRows rows;
    size_t next = first;
    const int64_t each = spans_[pass_spans_[first]].size();
    for (; next < pass_spans_.size() && spans_[pass_spans_[next]].size() == each; ++next) {
      const KvRows& more = spans_[pass_spans_[next]].rows;
      rows.insert(rows.end(), more.begin(), more.end());
    }
    groups.push_back(group_of(std::move(rows), static_cast<int64_t>(next - first)));
    first = next;
  }
}

// The missing spans are the last ones: what changes takes everything behind it along.
RowGroup StreamWindow::causal_group() {
  KvRows rows;
  for (const size_t place : pass_spans_)
    rows.insert(rows.end(), spans_[place].rows.begin(), spans_[place].rows.end());
  targets_.push_back(std::make_unique<CausalTarget>(
      slab_, std::move(rows), index_of(pass_spans_.back() + 1), model_.decoder.rope()));
  return {pass_rows_, targets_.back().get()};
}

void StreamWindow::end_pass() {
  rows_computed_ += std::exchange(pass_rows_, 0);
  pass_.reset();
  targets_.clear();
  pass_spans_.clear();
}

void StreamWindow::abandon_pass() {
  if (pass_rows_ > 0 && pass_spans_.empty()) slab_.give_back(std::exchange(prefix_rows_, {}));
  for (const size_t place : pass_spans_) slab_.give_back(std::exchange(spans_[place].rows, {}));
  pass_rows_ = 0;
  end_pass();
}

at::Tensor StreamWindow::rows_of(const Span& span) const {
  const at::Tensor marker = model_.decoder.embed(span.marker);
  return at::cat({marker, span.tokens.to(marker.options())});
}

at::Tensor StreamWindow::index_of(size_t spans) const {
  std::vector<KvRows> rows = {prefix_rows_};
  for (size_t place = 0; place < spans; ++place) rows.push_back(spans_[place].rows);
  return slab_.index_of(rows);
}

std::shared_ptr<const KvBase> StreamWindow::base() {
  if (!base_is_old_) return base_;
  // Questions that are still being answered keep the one they have.
  if (!base_ || base_.use_count() > 1) {
    base_ = std::make_shared<KvBase>(model_.decoder.shape(), model_.decoder.options());
  }
  base_->fill(slab_, index_of(spans_.size()), model_.decoder.rope());
  base_is_old_ = false;
  return base_;
}

WindowSummary StreamWindow::summary() const {
  WindowSummary summary;
  summary.positions = static_cast<int>(prefix_ids_.size());
  for (const MemorySpan& span : memory_.spans()) {
    summary.frames += static_cast<int>(span.frames);
    summary.visual_tokens += span.visual_tokens;
    summary.positions += span.visual_tokens + span.marker_tokens;
    if (span.from_ns == kNoTime) continue;
    if (summary.from_ns == kNoTime) summary.from_ns = span.from_ns;
    summary.to_ns = span.to_ns;
  }
  return summary;
}

}  // namespace m3
