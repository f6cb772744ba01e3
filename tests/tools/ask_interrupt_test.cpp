// Ctrl-C: m3-ask ends in under a second, in the middle of whatever it does, and keeps what it has
// answered.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/patience.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

const double kSoon = within(1000).count() / 1000.0;  // seconds

void expect_interrupted(const ToolResult& result) {
  EXPECT_LT(result.seconds, kSoon);
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("interrupted"), std::string::npos) << result.err_lines[0];
}

TEST(AskInterrupt, InTheMiddleOfAnAnswerAboutAVideo) {
  RunningTool tool("m3-ask", {"--video", ball_video(), "--question", "What?", "--frames", "--model",
                              "fake:tokens=4000,delay_ms=50", "--max-new-tokens", "4000"});
  for (int i = 0; i < 100; ++i)
    ASSERT_FALSE(tool.read_line().empty());  // all frames are through: it answers now
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  expect_interrupted(tool.interrupt());
}

TEST(AskInterrupt, KeepsWhatWasAnswered) {
  RunningTool tool(
      "m3-ask", {"--video", ball_video(), "--question", "What?", "--at", "0.5", "--at", "3",
                 "--fps", "0", "--scale", "1", "--budget", "0", "--model", "fake:encode_ms=100"});
  const std::string first = tool.read_line();
  EXPECT_EQ(first.rfind("[00:00.5] ", 0), 0u) << first;
  expect_interrupted(tool.interrupt());
}

TEST(AskInterrupt, WhileTheModelLoads) {
  RunningTool tool(
      "m3-ask", {"--video", ball_video(), "--question", "What?", "--model", "fake:load_ms=60000"});
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  const ToolResult result = tool.interrupt();
  EXPECT_LT(result.seconds, kSoon);
  EXPECT_EQ(result.exit_code, 1);
}

TEST(AskInterrupt, InTheMiddleOfAnAnswerAboutAPicture) {
  RunningTool tool("m3-ask", {"--image", red_picture(200), "--question", "What?", "--model",
                              "fake:tokens=4000,delay_ms=50", "--max-new-tokens", "4000"});
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  expect_interrupted(tool.interrupt());
}

TEST(AskInterrupt, InTheMiddleOfAListOfClips) {
  const std::string list =
      text_file("interrupted.jsonl", R"({"video": "ball-100.mp4", "question": "A?", "t1": 1})"
                                     "\n"
                                     R"({"video": "ball-100.mp4", "question": "B?"})"
                                     "\n");
  const std::string video = ball_video(100);
  RunningTool tool("m3-ask",
                   {"--questions", list, "--video-root", video.substr(0, video.rfind('/')), "--fps",
                    "0", "--scale", "1", "--budget", "0", "--model", "fake:encode_ms=50"});
  EXPECT_NE(tool.read_line().find("A?"), std::string::npos);
  expect_interrupted(tool.interrupt());
}

}  // namespace
}  // namespace m3::test
