#include "core/window_layout.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/error.h"

namespace m3 {

WindowLayout::WindowLayout(ChatTemplate chat, std::shared_ptr<const Tokenizer> tokenizer,
                           Attention attention, std::vector<int32_t> end_ids)
    : chat_(std::move(chat)),
      tokenizer_(std::move(tokenizer)),
      attention_(attention),
      end_ids_(std::move(end_ids)) {
  if (!tokenizer_) throw Error(ErrorCode::kInvalidArgument, "Window: it has no tokenizer");
  if (chat_.end.empty()) return;
  const auto end = tokenizer_->id_of(chat_.end);
  if (!end) {
    throw Error(ErrorCode::kMismatch, "The text that ends an answer, \"" + chat_.end +
                                          "\", is not one token of the model's tokenizer");
  }
  end_ids_.push_back(*end);
}

std::vector<int32_t> WindowLayout::closing_ids() const {
  if (end_ids_.empty()) return {};
  return {chat_.end.empty() ? end_ids_.front() : end_ids_.back()};
}

bool WindowLayout::ends_answer(int32_t id) const noexcept {
  return std::find(end_ids_.begin(), end_ids_.end(), id) != end_ids_.end();
}

std::vector<int32_t> WindowLayout::prefix_ids(std::string_view system_prompt) const {
  std::vector<int32_t> ids = tokenizer_->opening_ids();
  const std::vector<int32_t> text = tokenizer_->encode(chat_.prefix_text(system_prompt));
  ids.insert(ids.end(), text.begin(), text.end());
  return ids;
}

std::vector<int32_t> WindowLayout::marker_ids(int64_t pts_ns) const {
  return tokenizer_->encode_behind(chat_.marker_text(pts_ns));
}

std::vector<int32_t> WindowLayout::question_ids(std::string_view question,
                                                QuestionPlace place) const {
  return tokenizer_->encode_behind(chat_.question_text(question, place));
}

FlatWindow WindowLayout::flatten(std::string_view system_prompt,
                                 const std::vector<SpanShape>& spans,
                                 const std::vector<std::string>& questions) const {
  std::vector<std::vector<int32_t>> branches;
  const QuestionPlace place = spans.empty() ? QuestionPlace::kAlone : QuestionPlace::kBehindFrames;
  for (const std::string& question : questions) branches.push_back(question_ids(question, place));
  return flatten_ids(system_prompt, spans, branches);
}

FlatWindow WindowLayout::flatten_ids(std::string_view system_prompt,
                                     const std::vector<SpanShape>& spans,
                                     const std::vector<std::vector<int32_t>>& branches) const {
  FlatWindow window;
  const auto add = [&window](const std::vector<int32_t>& ids, int32_t segment, int32_t position) {
    for (const int32_t id : ids) {
      window.ids.push_back(id);
      window.positions.push_back(position++);
      window.segments.push_back(segment);
    }
  };
  const auto end = [&window] { return static_cast<int32_t>(window.ids.size()); };

  add(prefix_ids(system_prompt), 0, 0);
  int32_t segment = 0;
  for (const SpanShape& span : spans) {
    if (span.scale < 1) {
      throw Error(ErrorCode::kInvalidArgument,
                  "Window: a span of " + std::to_string(span.scale) + " visual tokens");
    }
    --segment;
    add(marker_ids(span.pts_ns), segment, end());
    add(std::vector<int32_t>(span.scale, kVisualToken), segment, end());
  }
  const int32_t branch_position = end();
  segment = 0;
  for (const std::vector<int32_t>& branch : branches) {
    ++segment;
    add(branch, segment, branch_position);
  }
  return window;
}

bool WindowLayout::sees(const FlatWindow& window, size_t query, size_t key) const {
  assert(query < window.segments.size() && key < window.segments.size());
  if (key > query) return false;
  const int32_t from = window.segments[query];
  const int32_t to = window.segments[key];
  if (from == to) return true;
  if (to > 0) return false;  // another branch, whatever the attention
  return from > 0 || attention_ == Attention::kCausal;
}

}  // namespace m3
