// m3-eval memory on the fake engine: who is asked what, and how often.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

class EvalMemory : public testing::Test {
 protected:
  void label(const std::vector<std::string>& labels) const {
    std::ofstream file(folder_.path() + "/annotations.jsonl");
    int red = 20;
    for (const std::string& label : labels)
      file << Json{{"file", red_picture(red += 40)}, {"label", label}}.dump() << "\n";
  }
  ToolResult eval(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"memory",  "--data", folder_.path(),
                                          "--model", "fake:",  "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_tool("m3-eval", arguments);
  }

  const TemporaryFolder folder_;
};

TEST_F(EvalMemory, EveryoneIsAskedTheSameAfterEachTime) {
  label({"car", "dog", "boat", "tree", "chair"});
  const ToolResult result = eval({"--needles", "3", "--minutes", "0.1", "2"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines.front();
  std::map<double, std::set<std::string>> arms;
  for (const Json& row : result.rows("memory")) {
    arms[row.at("seconds_ago")].insert(row.at("memory").get<std::string>());
    const std::map<std::string, int> asked = {{"all", 9}, {"at", 3}, {"ever", 6}};
    EXPECT_EQ(row.at("n"), asked.at(row.at("kind"))) << row.dump();
    EXPECT_LE(row.at("low"), row.at("accuracy")) << row.dump();
    EXPECT_GE(row.at("high"), row.at("accuracy")) << row.dump();
  }
  const std::set<std::string> later = {"nested", "recent", "blind"};
  EXPECT_EQ(arms, (std::map<double, std::set<std::string>>{
                      {6, later}, {30, {"nested", "fine", "blind"}}, {120, later}}));
}

TEST_F(EvalMemory, SaysWhenNothingCanBeHidden) {
  label({"car", "dog", "boat"});
  const ToolResult result = eval({});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("fewer than four"), std::string::npos);
}

TEST_F(EvalMemory, MinutesAscend) { EXPECT_EQ(eval({"--minutes", "10", "1"}).exit_code, 2); }

}  // namespace
}  // namespace m3::test
