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
  std::map<double, std::set<std::string>> against;
  for (const Json& lead : result.rows("memory_lead")) {
    against[lead.at("seconds_ago")].insert(lead.at("against").get<std::string>());
    EXPECT_EQ(lead.at("factor"), lead.at("against") == "fine" ? 0.8 : 2.0);
    EXPECT_LE(lead.at("nested_low"), lead.at("nested")) << lead.dump();
    EXPECT_GE(lead.at("other_high"), lead.at("other")) << lead.dump();
  }
  EXPECT_EQ(against, (std::map<double, std::set<std::string>>{
                         {6, {"recent"}}, {30, {"fine"}}, {120, {"recent"}}}));
  EXPECT_EQ(eval({"--needles", "3", "--minutes", "0.1", "2"}).out, result.out);
}

// Half a minute is also when fine is asked.
TEST_F(EvalMemory, GoesOnBehindTheLastMinuteAndAsksNobodyTwice) {
  label({"car", "dog", "boat", "tree", "chair"});
  const ToolResult result = eval({"--needles", "2", "--minutes", "0.1", "0.5"});
  EXPECT_EQ(result.exit_code, 0);
  for (const Json& row : result.rows("memory")) {
    if (row.at("kind") == "all") {
      EXPECT_EQ(row.at("n"), 6) << row.dump();
    }
  }
  EXPECT_EQ(result.rows("memory").size(), 3U * (3 + 4));
}

TEST_F(EvalMemory, SaysTheSameForPeople) {
  label({"car", "dog", "boat", "tree", "chair"});
  const ToolResult result = run_tool("m3-eval", {"memory", "--data", folder_.path(), "--model",
                                                 "fake:", "--needles", "2", "--minutes", "0.1"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("nested"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("of 0.8 times"), std::string::npos) << result.out;
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
