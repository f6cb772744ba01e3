// m3-eval on the fake engine, which answers "1 frames, 36 tokens, brightness 50": what is right
// depends on the scale and on the picture alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

class Eval : public testing::Test {
 protected:
  std::string questions(const std::vector<Json>& lines) const {
    const std::string path = folder_.path() + "/questions.jsonl";
    std::ofstream file(path);
    for (const Json& line : lines) file << line.dump() << "\n";
    return path;
  }
  static Json about(const std::string& picture, const std::string& answer,
                    const std::string& kind = "count") {
    return {{"file", picture}, {"question", "What?"}, {"answer", answer}, {"type", kind}};
  }
  ToolResult eval(const std::vector<Json>& lines, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"granularity",    "--data",  "/",     "--questions",
                                          questions(lines), "--model", "fake:", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_tool("m3-eval", arguments);
  }
  static double accuracy(const ToolResult& result, int scale, const std::string& kind) {
    for (const Json& row : result.rows("granularity")) {
      if (row.at("scale") == scale && row.at("kind") == kind) return row.at("accuracy");
    }
    ADD_FAILURE() << "no line for scale " << scale << ", kind " << kind;
    return -1;
  }

  const TemporaryFolder folder_;
};

TEST_F(Eval, TellsTheAccuracyAtEachScaleAndKind) {
  const std::string picture = red_picture(50);
  const ToolResult result = eval({about(picture, "9 tokens"), about(picture, "36 tokens"),
                                  about(picture, "1 frames", "frames")});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(accuracy(result, 1, "count"), 0);
  EXPECT_EQ(accuracy(result, 9, "count"), 50);
  EXPECT_EQ(accuracy(result, 36, "count"), 50);
  EXPECT_EQ(accuracy(result, 144, "frames"), 100);
  EXPECT_NEAR(accuracy(result, 9, "all"), 66.67, 0.01);
  EXPECT_EQ(result.rows("granularity").size(), 4u * 3);
}

TEST_F(Eval, TheOracleTakesTheFewestTokensThatAnswerRight) {
  const std::string picture = red_picture(50);
  // Of kinds of their own: a right answer names no other one of its kind.
  const ToolResult result =
      eval({about(picture, "9 tokens", "a"), about(picture, "144 tokens", "b"),
            about(picture, "never said", "c"), about(picture, "1 frames", "d")});
  const Json oracle = result.rows("oracle").at(0);
  EXPECT_EQ(oracle.at("kind"), "all");
  EXPECT_EQ(oracle.at("accuracy"), 75);
  EXPECT_EQ(oracle.at("tokens"), (9 + 144 + 1 + 1) / 4.0);
  EXPECT_EQ(oracle.at("n"), 4);
}

TEST_F(Eval, BlindAnswersAreAboutGreyPictures) {
  const ToolResult result =
      eval({about(red_picture(50), "frames", "a"), about(red_picture(255), "brightness 128", "b")},
           {"--blind"});
  ASSERT_EQ(result.rows("blind").size(), 3u);
  EXPECT_EQ(result.rows("blind")[0].at("accuracy"), 100);
  EXPECT_EQ(accuracy(result, 144, "a"), 100);
  EXPECT_EQ(accuracy(result, 144, "b"), 0);
}

TEST_F(Eval, PrintsATableForPeople) {
  const ToolResult result =
      run_tool("m3-eval", {"granularity", "--data", "/", "--model", "fake:", "--questions",
                           questions({about(red_picture(50), "36 tokens")})});
  EXPECT_NE(result.out.find("100.0 (100 to 100)"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("oracle"), std::string::npos);
}

TEST_F(Eval, APictureThatCannotBeReadLeavesTheOthersStanding) {
  const ToolResult result =
      eval({about("/nowhere.png", "36 tokens"), about(red_picture(50), "36 tokens")});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("/nowhere.png"), std::string::npos);
  EXPECT_EQ(accuracy(result, 36, "all"), 100);
}

TEST_F(Eval, NamesTheLineThatIsNoQuestion) {
  Json broken = about(red_picture(50), "x");
  broken.erase("answer");
  const ToolResult result = eval({about(red_picture(50), "x"), broken});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("questions.jsonl:2: \"answer\" is missing"), std::string::npos)
      << result.err_lines[0];
}

TEST_F(Eval, MakesItsQuestionsFromAnnotations) {
  const std::string picture = red_picture(50);
  std::ofstream(folder_.path() + "/annotations.jsonl")
      << Json{{"file", picture}, {"label", "frames"}}.dump() << "\n";
  const ToolResult result =
      run_tool("m3-eval", {"granularity", "--data", folder_.path(), "--model", "fake:", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(accuracy(result, 1, "object"), 100);
  const ToolResult printed =
      run_tool("m3-eval", {"granularity", "--data", folder_.path(), "--print-questions"});
  EXPECT_EQ(printed.rows().at(0).at("answer"), "a frames");
}

TEST_F(Eval, AsksModelsInHuggingFacesLayout) {
  if (!M3_HAVE_TORCH) GTEST_SKIP() << "this build has no engine on libtorch";
  const std::string model = std::string(M3_GOLDEN_DIR) + "/llava/biased";
  const ToolResult result =
      run_tool("m3-eval", {"granularity", "--data", "/", "--questions",
                           questions({about(red_picture(50), "x"), about(red_picture(250), "y")}),
                           "--model", model, "--json"});
  EXPECT_EQ(result.exit_code, 0);
  std::vector<int> scales;
  for (const Json& row : result.rows("granularity")) {
    if (row.at("kind") != "all") continue;
    EXPECT_EQ(row.at("n"), 2);
    scales.push_back(row.at("scale"));
  }
  ASSERT_FALSE(scales.empty());
  EXPECT_EQ(scales.front(), 1);
  EXPECT_TRUE(std::is_sorted(scales.begin(), scales.end()));
}

TEST_F(Eval, DrawsTheCurve) {
  const std::string plot = folder_.path() + "/curve.png";
  const ToolResult result =
      eval({about(red_picture(50), "36 tokens"), about(red_picture(250), "9 tokens", "size")},
           {"--plot", plot});
  std::ifstream file(plot, std::ios::binary);
  std::string begin(8, ' ');
  file.read(begin.data(), 8);
  if (result.exit_code != 0) {
    ASSERT_EQ(result.err_lines.size(), 1u);
    EXPECT_NE(result.err_lines[0].find("this build cannot draw"), std::string::npos);
    return;
  }
  EXPECT_EQ(begin, "\x89PNG\r\n\x1a\n");
  const ToolResult failed =
      eval({about(red_picture(50), "36 tokens")}, {"--plot", folder_.path() + "/no/curve.png"});
  EXPECT_EQ(failed.exit_code, 1);
  ASSERT_EQ(failed.err_lines.size(), 1u);
}

TEST_F(Eval, WrongUseIsTold) {
  EXPECT_EQ(run_tool("m3-eval", {}).exit_code, 2);
  EXPECT_EQ(run_tool("m3-eval", {"granularity"}).exit_code, 2);
}

}  // namespace
}  // namespace m3::test
