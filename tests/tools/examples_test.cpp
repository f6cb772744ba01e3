// The examples run as they stand, on the fake engine.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

const std::regex kAnswer("(\\d+\\.\\d\\d s: \\d+ frames, \\d+ tokens, brightness \\d+\n)+");

TEST(Examples, OwnFramesGetsAnAnswerAboutWhatItPushed) {
  const std::string program = M3_EXAMPLES_BUILD "/own-frames";
  if (!std::filesystem::exists(program))
    GTEST_SKIP() << "own-frames was not built: gstreamer-app-1.0 is missing";
  const ToolResult result = run_tool(program, {"fake:"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(std::regex_match(result.out, kAnswer)) << result.out;
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines[0];
}

TEST(Examples, AskWhenItMovesGetsAnswers) {
  const std::string python = M3_PYTHON_WITH_GST;
  if (python.empty()) GTEST_SKIP() << "there is no Python with PyGObject and GStreamer";
  const ToolResult result =
      run_tool(python, {M3_EXAMPLES_SOURCE "/ask_when_it_moves.py", ball_video(), "fake:"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(std::regex_match(result.out, kAnswer)) << result.out;
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines[0];
}

}  // namespace
}  // namespace m3::test
