#include "core/window_layout.h"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/frame.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;

constexpr int32_t kImStart = 257;
constexpr int32_t kImEnd = 258;

ChatTemplate chat() {
  ChatTemplate chat;
  chat.system = "Answer questions about what you see.";
  chat.prefix = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user";
  chat.marker_video = "\n{second}s:";
  chat.marker_picture = "\n";
  chat.question = "\n{question}<|im_end|>\n<|im_start|>assistant\n";
  chat.end = "<|im_end|>";
  return chat;
}

WindowLayout layout(Attention attention = Attention::kSpans) {
  return WindowLayout(chat(), make_byte_tokenizer({"<|endoftext|>", "<|im_start|>", "<|im_end|>"}),
                      attention);
}

std::vector<int32_t> ids_of(const std::string& text) {
  return std::vector<int32_t>(text.begin(), text.end());
}

TEST(WindowLayout, MarkersTellWholeSecondsOrNothing) {
  EXPECT_EQ(layout().marker_ids(12'999'999'999), ids_of("\n12s:"));
  EXPECT_EQ(layout().marker_ids(0), ids_of("\n0s:"));
  EXPECT_EQ(layout().marker_ids(kNoTime), ids_of("\n"));
}

TEST(WindowLayout, APrefixTakesAnotherSystemPrompt) {
  std::vector<int32_t> expected = {kImStart};
  for (const char c : std::string("system\nBe brief.")) expected.push_back(c);
  expected.insert(expected.end(), {kImEnd, '\n', kImStart, 'u', 's', 'e', 'r'});
  EXPECT_EQ(layout().prefix_ids("Be brief."), expected);
  EXPECT_EQ(layout().prefix_ids(""), layout().prefix_ids("Answer questions about what you see."));
}

TEST(WindowLayout, AQuestionsTextDependsOnWhatStandsBeforeIt) {
  ChatTemplate texts = chat();
  texts.question = "\n{question}?";
  const auto tokenizer = make_byte_tokenizer({"<|im_start|>", "<|im_end|>"});
  const auto ids = [&](QuestionPlace place) {
    return WindowLayout(texts, tokenizer, Attention::kCausal).question_ids("a", place);
  };
  EXPECT_EQ(ids(QuestionPlace::kAlone), ids_of("\na?"));
  EXPECT_EQ(ids(QuestionPlace::kBehindAnswer), ids_of("\na?"));
  texts.question_alone = "{question}!";
  texts.question_again = "USER: {question}";
  EXPECT_EQ(ids(QuestionPlace::kBehindFrames), ids_of("\na?"));
  EXPECT_EQ(ids(QuestionPlace::kAlone), ids_of("a!"));
  EXPECT_EQ(ids(QuestionPlace::kBehindAnswer), ids_of("USER: a"));
  const WindowLayout layout(texts, tokenizer, Attention::kCausal);
  const auto last = [&](const std::vector<SpanShape>& spans) {
    return layout.flatten("", spans, {"a"}).ids.back();
  };
  EXPECT_EQ(last({}), '!');
  EXPECT_EQ(last({{kNoTime, 1}}), '?');
}

TEST(WindowLayout, AnAnswerEndsAtTheTemplatesEnd) { EXPECT_TRUE(layout().ends_answer(kImEnd)); }

TEST(WindowLayout, RefusesAnEndThatIsNoToken) {
  ChatTemplate strange = chat();
  strange.end = "<|nowhere|>";
  const auto tokenizer = make_byte_tokenizer({"<|im_end|>"});
  EXPECT_EQ(error_of([&] { WindowLayout(strange, tokenizer, Attention::kSpans); }).code(),
            ErrorCode::kMismatch);
  EXPECT_EQ(error_of([&] { WindowLayout(chat(), nullptr, Attention::kSpans); }).code(),
            ErrorCode::kInvalidArgument);
}

// Stretches of keys that a query sees: first, length, first, length, ...
std::vector<int> runs(const WindowLayout& layout, const FlatWindow& window, size_t query) {
  std::vector<int> runs;
  size_t begin = 0;
  bool inside = false;
  for (size_t key = 0; key <= window.ids.size(); ++key) {
    const bool seen = key < window.ids.size() && layout.sees(window, query, key);
    if (seen && !inside) begin = key;
    if (!seen && inside) {
      runs.push_back(static_cast<int>(begin));
      runs.push_back(static_cast<int>(key - begin));
    }
    inside = seen;
  }
  return runs;
}

TEST(WindowLayout, EqualsTheModelsReference) {
  std::ifstream file(std::string(M3_GOLDEN_DIR) + "/window_layout.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_EQ(cases.size(), 3u);
  for (const auto& one : cases) {
    std::vector<SpanShape> spans;
    for (const auto& span : one["spans"]) {
      const auto& second = span["second"];
      const int64_t pts_ns =
          second.is_null() ? kNoTime : static_cast<int64_t>(second.get<double>() * 1e9);
      spans.push_back({pts_ns, span["scale"].get<int>()});
    }
    const FlatWindow window =
        layout().flatten("", spans, one["questions"].get<std::vector<std::string>>());
    EXPECT_EQ(window.ids, one["ids"].get<std::vector<int32_t>>());
    EXPECT_EQ(window.positions, one["positions"].get<std::vector<int32_t>>());
    EXPECT_EQ(window.segments, one["segments"].get<std::vector<int32_t>>());
    ASSERT_EQ(window.ids.size(), one["sees"].size());
    for (size_t query = 0; query < window.ids.size(); ++query) {
      EXPECT_EQ(runs(layout(), window, query), one["sees"][query].get<std::vector<int>>())
          << "query " << query;
    }
  }
}

TEST(WindowLayout, CausalTokensSeeAllBeforeThemExceptOtherBranches) {
  const WindowLayout causal = layout(Attention::kCausal);
  const FlatWindow window = causal.flatten("S", {{0, 1}, {1'000'000'000, 4}}, {"a", "b"});
  const size_t size = window.ids.size();
  size_t second_branch = 0;
  size_t first_branch = 0;
  while (window.segments[first_branch] != 1) ++first_branch;
  while (window.segments[second_branch] != 2) ++second_branch;
  for (size_t query = 0; query < second_branch; ++query) {
    EXPECT_EQ(runs(causal, window, query), (std::vector<int>{0, static_cast<int>(query) + 1}));
  }
  EXPECT_EQ(runs(causal, window, size - 1),
            (std::vector<int>{0, static_cast<int>(first_branch), static_cast<int>(second_branch),
                              static_cast<int>(size - second_branch)}));
}

TEST(WindowLayout, RefusesASpanWithoutTokens) {
  EXPECT_EQ(error_of([] {
              layout().flatten("", {{0, 0}}, {});
            }).code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace m3
