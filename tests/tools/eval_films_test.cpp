// m3-eval video and m3-eval control on the fake engine, which answers "3 frames, 73 tokens,
// brightness 50".
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

class EvalFilms : public testing::Test {
 protected:
  void write(const std::string& name, const std::vector<Json>& lines) const {
    std::ofstream file(folder_.path() + "/" + name);
    for (const Json& line : lines) file << line.dump() << "\n";
  }
  static Json about(const std::string& video, const std::string& answer, const std::string& kind,
                    const Json& t1) {
    return {{"video", video}, {"question", "What?"}, {"answer", answer},
            {"type", kind},   {"t0", nullptr},       {"t1", t1}};
  }
  ToolResult video(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"video",   "--data", folder_.path(),
                                          "--model", "fake:",  "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_tool("m3-eval", arguments);
  }
  ToolResult control() const {
    return run_tool("m3-eval", {"control", "--data", folder_.path(), "--model", "fake:",
                                "--questions", "20", "--budget", "2", "--budget", "8", "--json"});
  }
  static std::map<std::string, double> accuracy(const ToolResult& result) {
    std::map<std::string, double> by_kind;
    for (const Json& row : result.rows("video")) by_kind[row.at("kind")] = row.at("accuracy");
    return by_kind;
  }

  const TemporaryFolder folder_;
};

TEST_F(EvalFilms, VideoTellsAccuracyByKindAndWhatItCost) {
  std::filesystem::create_symlink(ball_video(), folder_.path() + "/ball.mp4");
  write("questions.jsonl",
        {about("ball.mp4", "frames", "a", 1.0), about("ball.mp4", "never", "b", 2),
         about("ball.mp4", "tokens", "c", nullptr)});
  const ToolResult result = video({"--scale", "9"});
  EXPECT_EQ(result.exit_code, 0);
  const auto right = accuracy(result);
  EXPECT_NEAR(right.at("all"), 66.67, 0.01);
  EXPECT_EQ(right.at("a"), 100);
  EXPECT_EQ(right.at("b"), 0);
  EXPECT_EQ(right.at("c"), 100);
  const Json cost = result.rows("cost").at(0);
  EXPECT_EQ(cost.at("frames"), 100);
  EXPECT_EQ(cost.at("tower_calls"), 8);  // two frames a second of four seconds
  EXPECT_EQ(cost.at("visual_tokens"), 72);
  EXPECT_NEAR(cost.at("tokens_per_second").get<double>(), 18, 0.5);
}

TEST_F(EvalFilms, AClipThatCannotBePlayedCountsAsWrong) {
  std::filesystem::create_symlink(ball_video(), folder_.path() + "/ball.mp4");
  write("questions.jsonl",
        {about("none.mp4", "frames", "a", 1.0), about("ball.mp4", "frames", "a", 1.0)});
  const ToolResult result = video({});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(accuracy(result).at("all"), 50);
  ASSERT_FALSE(result.err_lines.empty());
  EXPECT_NE(result.err_lines[0].find("none.mp4"), std::string::npos) << result.err_lines[0];
}

TEST_F(EvalFilms, VideoNamesTheLineThatIsNoQuestion) {
  write("questions.jsonl", {about("ball.mp4", "frames", "a", -4)});
  const ToolResult result = video({});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("questions.jsonl:1: \"t1\""), std::string::npos)
      << result.err_lines[0];
}

TEST_F(EvalFilms, ControlSpendsTheBudgetAndSaysTheSameTwice) {
  write("annotations.jsonl", {{{"file", red_picture(50)}, {"label", "piano"}},
                              {{"file", red_picture(150)}, {"label", "lobster"}},
                              {{"file", red_picture(250)}, {"label", "anchor"}}});
  const ToolResult result = control();
  EXPECT_EQ(result.exit_code, 0);
  ASSERT_EQ(result.rows("control").size(), 2u * 5);
  for (const Json& row : result.rows("control")) {
    EXPECT_GE(row.at("n"), 20);
    const double budget = row.at("budget");
    const double tokens = row.at("tokens_per_second");
    EXPECT_LE(row.at("tower_calls_per_second"), 2.01);
    if (row.at("scale") == "auto") {
      EXPECT_LE(tokens, budget + 144.0 / 100);  // what is saved up at the start comes on top
    } else {
      const double scale = std::stod(row.at("scale").get<std::string>());
      EXPECT_NEAR(tokens, std::min(budget, 2 * scale), scale / 50 + 0.1) << row.dump();
    }
  }
  const auto areas = result.rows("control_area");
  ASSERT_EQ(areas.size(), 5u);
  EXPECT_EQ(areas[0].at("scale"), "auto");
  EXPECT_FALSE(areas[0].contains("probability"));
  for (size_t i = 1; i < areas.size(); ++i) {
    EXPECT_NEAR(areas[i].at("auto_ahead").get<double>(),
                areas[0].at("area").get<double>() - areas[i].at("area").get<double>(), 0.01);
    EXPECT_LE(areas[i].at("low"), areas[i].at("high"));
  }
  EXPECT_EQ(control().out, result.out);
}

TEST_F(EvalFilms, ControlSaysWhenThereIsNothingToShow) {
  const ToolResult result = control();
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("holds no annotations.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace m3::test
