// m3-replay on a log of m3scale: equal settings decide the same.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

std::vector<std::string> decisions_of(const ToolResult& result) {
  std::vector<std::string> decisions;
  for (const auto& row : result.rows("frame")) {
    if (row.at("reason") == "sampled") continue;
    decisions.push_back(std::to_string(row.at("pts").get<double>()) + " " +
                        std::to_string(row.at("scale").get<int>()) + " " +
                        row.at("reason").get<std::string>());
  }
  return decisions;
}

TEST(Replay, DecidesWhatWasDecidedAndAnythingElseWhenAsked) {
  const TemporaryFolder folder;
  const std::string log = folder.path() + "/activity.jsonl";
  const std::string line = "filesrc location=" + ball_video(100) +
                           " ! decodebin ! videoconvert ! m3qa model=fake: fps=0 budget=30 "
                           "activity-log=" +
                           log + " ! fakesink";
  std::vector<std::string> words = {"-q"};
  std::istringstream parts(line);
  for (std::string word; parts >> word;) words.push_back(word);
  ASSERT_EQ(run_tool("/usr/bin/gst-launch-1.0", words).exit_code, 0);

  const ToolResult asked =
      run_tool("m3-ask", {"--model", "fake:", "--video", ball_video(100), "--fps", "0", "--budget",
                          "30", "--frames", "--json"});
  const ToolResult same = run_tool("m3-replay", {log, "--budget", "30", "--json"});
  EXPECT_EQ(decisions_of(same).size(), 100U);
  EXPECT_EQ(decisions_of(same), decisions_of(asked));
  const ToolResult poor = run_tool("m3-replay", {log, log, "--budget", "3", "--json"});
  EXPECT_EQ(decisions_of(poor).size(), 200U);
  EXPECT_NE(decisions_of(poor), decisions_of(same));
  const ToolResult counts = run_tool("m3-replay", {log, "--fps", "2"});
  EXPECT_EQ(counts.out.find("8 frames looked at, "), 0U) << counts.out;
}

TEST(Replay, NamesTheLineThatCannotBeRead) {
  const TemporaryFolder folder;
  const ToolResult result = run_tool("m3-replay", {folder.write("log", "\n{}\n")});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1U);
  EXPECT_NE(result.err_lines[0].find("log: line 2: "), std::string::npos) << result.err_lines[0];
  EXPECT_EQ(run_tool("m3-replay", {"/nowhere"}).exit_code, 1);
  EXPECT_EQ(run_tool("m3-replay", {}).exit_code, 2);
}

}  // namespace
}  // namespace m3::test
