// Bad input of m3-ask: one clear line, the right exit code, and what was answered stays printed.
#include <gtest/gtest.h>

#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

ToolResult ask(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"--model", "fake:", "--question", "What?", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_tool("m3-ask", arguments);
}

// One line that holds `words`.
void expect_failure(const ToolResult& result, int exit_code, const std::string& words) {
  EXPECT_EQ(result.exit_code, exit_code);
  ASSERT_EQ(result.err_lines.size(), 1u) << (result.err_lines.empty() ? "" : result.err_lines[1]);
  EXPECT_EQ(result.err_lines[0].rfind("m3-ask: ", 0), 0u) << result.err_lines[0];
  EXPECT_NE(result.err_lines[0].find(words), std::string::npos) << result.err_lines[0];
}

TEST(AskErrors, MissingFileIsNamed) {
  expect_failure(ask({"--video", "/nowhere/none.mp4"}), 1, "/nowhere/none.mp4: no such file");
}

TEST(AskErrors, EmptyFileIsNamed) {
  expect_failure(ask({"--video", text_file("empty.mp4", "")}), 1, "empty.mp4: the file is empty");
}

TEST(AskErrors, TextNamedAsAVideoIsNamed) {
  expect_failure(ask({"--video", text_file("text.mp4", "hello")}), 1, "text.mp4: ");
}

TEST(AskErrors, BytesOfNoFormatAreNamed) {
  std::string noise;
  for (unsigned i = 0, value = 1; i < 20000; ++i) {
    value = value * 1664525u + 1013904223u;
    noise += static_cast<char>(value >> 24);
  }
  expect_failure(ask({"--video", text_file("noise.mp4", noise)}), 1, "noise.mp4: ");
}

TEST(AskErrors, FolderIsNoVideo) {
  expect_failure(ask({"--video", "/tmp"}), 1, "/tmp: is a folder");
}

TEST(AskErrors, SoundWithoutPictureIsNoVideo) {
  expect_failure(ask({"--video", sound_only()}), 1, "has no video stream");
}

TEST(AskErrors, TruncatedFileKeepsItsAnswers) {
  const ToolResult result = ask({"--video", cut(ball_video(250), 0.5), "--at", "1"});
  expect_failure(result, 1, "truncated");
  ASSERT_EQ(result.rows("answer").size(), 1u);
  EXPECT_EQ(result.rows("answer")[0].at("asked_at"), 1.0);
  ASSERT_EQ(result.rows("end").size(), 1u);
  EXPECT_EQ(result.rows("end")[0].at("truncated"), true);
}

TEST(AskErrors, TruncatedFileIsAskedAboutAtItsRealEnd) {
  const ToolResult result = ask({"--video", cut(ball_video(250), 0.5)});
  expect_failure(result, 1, "truncated");
  ASSERT_EQ(result.rows("answer").size(), 1u);
  EXPECT_LT(result.rows("answer")[0].at("asked_at").get<double>(), 9.0);
}

TEST(AskErrors, FileCutToItsHeaderIsNamed) {
  const ToolResult result = ask({"--video", cut(ball_video(250), 0.005)});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err_lines.size(), 1u);
}

TEST(AskErrors, DamageInTheMiddleIsToldAndTheRestIsPlayed) {
  const ToolResult result = ask({"--video", damaged(ball_video(250), 2000)});
  expect_failure(result, 1, "is damaged");
  ASSERT_EQ(result.rows("answer").size(), 1u);
  EXPECT_NEAR(result.rows("answer")[0].at("asked_at").get<double>(), 10.0, 0.1);
}

TEST(AskErrors, MissingModelFailsInOneLine) {
  const ToolResult result =
      run_tool("m3-ask", {"--video", ball_video(), "--question", "Q", "--model", "/nowhere/model"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err_lines.size(), 1u);
}

TEST(AskErrors, ScaleOffTheLadderIsNamed) {
  expect_failure(ask({"--video", ball_video(), "--scale", "7"}), 1, "7");
}

TEST(AskErrors, ScaleThatIsNoNumberIsWrongUse) {
  expect_failure(ask({"--video", ball_video(), "--scale", "big"}), 2, "'big'");
}

TEST(AskErrors, NegativeTimeIsWrongUse) {
  expect_failure(ask({"--video", ball_video(), "--at", "-3"}), 2, "--at: -3");
}

TEST(AskErrors, TimeThatIsNoNumberIsWrongUse) {
  expect_failure(ask({"--video", ball_video(), "--at", "nan"}), 2, "--at");
  expect_failure(ask({"--video", ball_video(), "--every", "0"}), 2, "--every");
}

TEST(AskErrors, UnknownOptionIsWrongUse) { expect_failure(ask({"--colour"}), 2, "--colour"); }

TEST(AskErrors, TwoSourcesAreWrongUse) {
  expect_failure(ask({"--video", ball_video(), "--image", red_picture(200)}), 2, "only one of");
}

TEST(AskErrors, MissingQuestionIsWrongUse) {
  expect_failure(run_tool("m3-ask", {"--model", "fake:", "--video", ball_video()}), 2,
                 "--question is missing");
}

TEST(AskErrors, EngineThatFailsWhileLoadingIsNamedOnce) {
  const ToolResult result =
      run_tool("m3-ask", {"--video", ball_video(), "--question", "Q", "--model", "fake:fail=load"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err_lines.size(), 1u);
}

TEST(AskErrors, EngineThatFailsAtAFrameIsNamedOnce) {
  const ToolResult result = run_tool(
      "m3-ask", {"--video", ball_video(), "--question", "Q", "--model", "fake:fail=encode"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err_lines.size(), 1u);
}

TEST(AskErrors, HelpAndVersionGoToStdout) {
  const ToolResult help = run_tool("m3-ask", {"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("Examples:"), std::string::npos);
  EXPECT_TRUE(help.err_lines.empty());
  const ToolResult version = run_tool("m3-ask", {"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out, "m3-ask " M3_VERSION "\n");
}

}  // namespace
}  // namespace m3::test
