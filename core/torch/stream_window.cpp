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
// Rows of spans that go through the model together, more only where one span alone has more. Enough
// to use the processor well; more would only be more memory.
constexpr int64_t kRowsPerPass = 256;
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
  if (pass_) abandon_pass();  // of a question that was cancelled
  base_is_old_ = true;
  Span span;
  span.marker = model_.layout.marker_ids(frame.pts_ns);
  // What is shown, and not the finer levels that the frame still has: a window of coarse frames
  // must not hold the memory of fine ones.
  span.tokens =
      values_of(*frame.tokens.shown(), at::TensorOptions(model_.device).dtype(at::kFloat));
  const at::Tensor mean = span.tokens.mean(0).to(at::kCPU).contiguous();
  MemorySpan entry;
  entry.marker_tokens = static_cast<int>(span.marker.size());
  entry.visual_tokens = frame.tokens.scale();
  entry.from_ns = entry.to_ns = frame.pts_ns;
  entry.mean.assign(mean.const_data_ptr<float>(), mean.const_data_ptr<float>() + mean.numel());
  for (const MemoryOperation& operation : memory_.append(std::move(entry))) carry_out(operation);
  spans_.push_back(std::move(span));
}

// The books (memory_) are ahead of the spans: they know how all of it ends.
void StreamWindow::carry_out(const MemoryOperation& operation) {
  const auto place = spans_.begin() + static_cast<std::ptrdiff_t>(operation.span);
  forget_rows(operation.span);
  switch (operation.kind) {
    case MemoryOperation::Kind::kCoarsen:
      place->tokens = pool_square(place->tokens, grid_of(static_cast<int>(place->tokens.size(0))),
                                  grid_of(operation.visual_tokens));
      break;
    case MemoryOperation::Kind::kMerge: {
      forget_rows(operation.span + 1);
      const Span& next = *(place + 1);
      const double part =
          static_cast<double>(next.frames) / static_cast<double>(place->frames + next.frames);
      place->tokens = at::lerp(place->tokens, next.tokens, part);
      place->frames += next.frames;
      spans_.erase(place + 1);
      break;
    }
    case MemoryOperation::Kind::kDrop:
      spans_.erase(place);
      break;
  }
}

// Gives back the keys and values that a change of this span makes void.
void StreamWindow::forget_rows(size_t span) {
  const size_t end = causal_ ? spans_.size() : span + 1;
  for (; span < end; ++span) slab_.give_back(std::exchange(spans_[span].rows, {}));
}

bool StreamWindow::prefill(DecoderPass::Clock::time_point deadline) {
  while (true) {
    try {
      if (!pass_ && !begin_pass()) return true;
      if (!pass_->run(deadline)) return false;
    } catch (...) {
      abandon_pass();
      throw;
    }
    rows_computed_ += pass_->hidden().size(0);
    end_pass();
    if (DecoderPass::Clock::now() >= deadline) return !misses_rows();
  }
}

void StreamWindow::clear() {
  if (pass_) abandon_pass();
  for (const Span& span : spans_) slab_.give_back(span.rows);
  spans_.clear();
  memory_.clear();
  base_is_old_ = true;
}

bool StreamWindow::misses_rows() const {
  return (prefix_rows_.empty() && !prefix_ids_.empty()) ||
         std::any_of(spans_.begin(), spans_.end(),
                     [](const Span& span) { return span.rows.empty(); });
}

// False when nothing is missing. Which spans share a pass depends on the spans alone, never on the
// time.
bool StreamWindow::begin_pass() {
  if (!misses_rows()) return false;
  std::vector<at::Tensor> rows;
  if (prefix_rows_.empty() && !prefix_ids_.empty()) {
    rows.push_back(model_.decoder.embed(prefix_ids_));
    prefix_rows_ = slab_.take(rows.back().size(0));
    add_group(prefix_rows_, 1);
  } else {
    int64_t total = 0;
    for (size_t place = 0; place < spans_.size(); ++place) {
      Span& span = spans_[place];
      if (!span.rows.empty()) continue;
      if (total > 0 && total + span.size() > kRowsPerPass) break;
      rows.push_back(rows_of(span));
      span.rows = slab_.take(span.size());
      total += span.size();
      pass_spans_.push_back(place);
    }
    if (causal_) {
      add_causal_group();
    } else {
      add_span_groups();
    }
  }
  pass_.emplace(model_.decoder, at::cat(rows), std::exchange(groups_, {}));
  return true;
}

void StreamWindow::add_group(KvRows rows, int64_t spans) {
  const int64_t count = count_of(rows);
  targets_.push_back(
      std::make_unique<SpanTarget>(slab_, std::move(rows), spans, model_.decoder.rope()));
  groups_.push_back({count, targets_.back().get()});
}

// Neighbours of equal length attend in one call.
void StreamWindow::add_span_groups() {
  for (size_t first = 0; first < pass_spans_.size();) {
    KvRows rows;
    size_t next = first;
    const int64_t each = spans_[pass_spans_[first]].size();
    for (; next < pass_spans_.size() && spans_[pass_spans_[next]].size() == each; ++next) {
      const KvRows& more = spans_[pass_spans_[next]].rows;
      rows.insert(rows.end(), more.begin(), more.end());
    }
    add_group(std::move(rows), static_cast<int64_t>(next - first));
    first = next;
  }
}

// The missing spans are the last ones: what changes takes everything behind it along.
void StreamWindow::add_causal_group() {
  KvRows rows;
  for (const size_t place : pass_spans_)
    rows.insert(rows.end(), spans_[place].rows.begin(), spans_[place].rows.end());
  const int64_t count = count_of(rows);
  targets_.push_back(std::make_unique<CausalTarget>(
      slab_, std::move(rows), index_of(pass_spans_.back() + 1), model_.decoder.rope()));
  groups_.push_back({count, targets_.back().get()});
}

void StreamWindow::end_pass() {
  pass_.reset();
  groups_.clear();
  targets_.clear();
  pass_spans_.clear();
}

void StreamWindow::abandon_pass() {
  if (pass_spans_.empty()) slab_.give_back(std::exchange(prefix_rows_, {}));
  for (const size_t place : pass_spans_) slab_.give_back(std::exchange(spans_[place].rows, {}));
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
