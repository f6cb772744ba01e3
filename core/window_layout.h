// WindowLayout: the only place that turns prefix, spans (time, scale) and question into token ids,
// positions and the rule of who sees whom. Session, trainer and evaluation all use it; its version
// stands in a model's config.
//
// Threads: immutable; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/export.h"
#include "core/model/chat_template.h"
#include "core/model/tokenizer.h"

namespace m3 {

// The layout this build writes. A model trained for another one is refused.
inline constexpr int kLayoutVersion = 1;

enum class Attention {
  kSpans,   // a span sees itself alone, causally; a branch sees prefix, all spans and itself
  kCausal,  // everything sees everything before it
};

// The place of a visual token in a list of ids.
inline constexpr int32_t kVisualToken = -200;

// A window written out flat, for one-shot prefill and for training. Segment numbers: 0 prefix, -1,
// -2, ... spans in order, +1, +2, ... branches (questions that do not see each other).
struct FlatWindow {
  std::vector<int32_t> ids;        // [S], kVisualToken at visual tokens
  std::vector<int32_t> positions;  // [S]
  std::vector<int32_t> segments;   // [S]
};

struct SpanShape {
  int64_t pts_ns;  // kNoTime: a still picture
  int scale;       // visual tokens
};

class M3_API WindowLayout {
 public:
  // Answers end at `chat.end`, where it is not empty, and at each of `end_ids`. The tokenizer's
  // opening ids stand in front of the prefix. Throws kMismatch when chat.end is not one token.
  WindowLayout(ChatTemplate chat, std::shared_ptr<const Tokenizer> tokenizer, Attention attention,
               std::vector<int32_t> end_ids = {});

  Attention attention() const noexcept { return attention_; }
  const Tokenizer& tokenizer() const noexcept { return *tokenizer_; }

  // Each piece is tokenised by itself, so that its ids depend on nothing around it.
  std::vector<int32_t> prefix_ids(std::string_view system_prompt) const;  // empty: the model's
  std::vector<int32_t> marker_ids(int64_t pts_ns) const;
  std::vector<int32_t> question_ids(std::string_view question,
                                    QuestionPlace place = QuestionPlace::kBehindFrames) const;
  bool ends_answer(int32_t id) const noexcept;
  // What stands behind an answer when the conversation goes on: the template's end, else the first
  // of the end ids; nothing where there is none.
  std::vector<int32_t> closing_ids() const;

  // Positions run on from prefix through the spans into the branch; every branch starts where the
  // last span ends.
  FlatWindow flatten(std::string_view system_prompt, const std::vector<SpanShape>& spans,
                     const std::vector<std::string>& questions) const;
  // The same with each branch's ids given: a question's, and an answer's behind them.
  FlatWindow flatten_ids(std::string_view system_prompt, const std::vector<SpanShape>& spans,
                         const std::vector<std::vector<int32_t>>& branches) const;
  // Whether the token at index `query` attends to the one at `key`.
  bool sees(const FlatWindow& window, size_t query, size_t key) const;

 private:
  ChatTemplate chat_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  Attention attention_;
  std::vector<int32_t> end_ids_;
};

}  // namespace m3
