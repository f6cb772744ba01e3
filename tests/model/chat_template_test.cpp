#include "core/model/chat_template.h"

#include <gtest/gtest.h>

#include "core/frame.h"

namespace m3 {
namespace {

const ChatTemplate kChat = {
    .system = "Be brief.",
    .prefix = "<s>{system}</s>",
    .marker_video = "\n{second}s:",
    .marker_picture = "\n",
    .question = "\n{question}<e>",
    .end = "<e>",
};

TEST(ChatTemplate, TakesTheModelsSystemPromptUnlessOneIsGiven) {
  EXPECT_EQ(kChat.prefix_text(""), "<s>Be brief.</s>");
  EXPECT_EQ(kChat.prefix_text("Count."), "<s>Count.</s>");
}

TEST(ChatTemplate, MarksFramesWithWholeSecondsRoundedDown) {
  EXPECT_EQ(kChat.marker_text(0), "\n0s:");
  EXPECT_EQ(kChat.marker_text(999'999'999), "\n0s:");
  EXPECT_EQ(kChat.marker_text(12'500'000'000), "\n12s:");
  EXPECT_EQ(kChat.marker_text(360'000'000'000'000), "\n360000s:");
  EXPECT_EQ(kChat.marker_text(kNoTime), "\n");
}

TEST(ChatTemplate, APlaceInTheFilledTextStaysAsItIs) {
  EXPECT_EQ(kChat.question_text("what is {question}?"), "\nwhat is {question}?<e>");
  EXPECT_EQ(kChat.prefix_text("{system}{system}"), "<s>{system}{system}</s>");
  EXPECT_EQ(kChat.question_text(""), "\n<e>");
}

}  // namespace
}  // namespace m3
