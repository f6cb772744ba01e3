// m3-bench says what it should about any model; its figures themselves are for people.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

// The names of all figures, and each with a unit and a value above 0.
std::set<std::string> names_of(const ToolResult& result) {
  std::set<std::string> names;
  for (const auto& row : result.rows("bench")) {
    names.insert(row.at("name").get<std::string>());
    EXPECT_GT(row.at("value").get<double>(), 0) << row.dump();
    EXPECT_FALSE(row.at("unit").get<std::string>().empty());
    EXPECT_EQ(row.contains("ratio"), row.contains("of")) << row.dump();
  }
  return names;
}

bool has_ratio(const ToolResult& result, const std::string& name) {
  for (const auto& row : result.rows("bench")) {
    if (row.at("name") == name) return row.contains("ratio");
  }
  return false;
}

TEST(Bench, MeasuresTheEnginesPartsAgainstTheMachine) {
  if (!M3_HAVE_TORCH) GTEST_SKIP() << "this build has no torch engine";
  const ToolResult result =
      run_tool("m3-bench", {"all", "--model", "random:" M3_TINY_CONFIG, "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines.front();
  const std::set<std::string> names = names_of(result);
  for (const char* name :
       {"machine.memory_bandwidth", "machine.float32_products", "encode.frame_720p", "encode.tower",
        "encode.projector", "decode.first_token", "decode.step", "decode.eight_answers",
        "stream.frame", "stream.first_token", "stream.speed"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_TRUE(has_ratio(result, "decode.step"));
}

TEST(Bench, StreamsSideBySideAreServedAlikeAndComparedWithProcesses) {
  if (!M3_HAVE_TORCH) GTEST_SKIP() << "this build has no torch engine";
  const ToolResult result =
      run_tool("m3-bench", {"streams", "--streams", "3", "--seconds", "1", "--processes", "--model",
                            "random:" M3_TINY_CONFIG, "--threads", "1", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines.front();
  const std::set<std::string> names = names_of(result);
  for (const char* name :
       {"streams.frames", "streams.answers", "streams.first_token", "streams.most_served",
        "streams.memory", "streams.gain_over_processes", "streams.memory_of_processes",
        "streams.gain_over_processes_of_one_thread"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(Bench, AStreamThatDoesNotEndStaysWithinItsBounds) {
  if (!M3_HAVE_TORCH) GTEST_SKIP() << "this build has no torch engine";
  const ToolResult result =
      run_tool("m3-bench", {"soak", "--frames", "4000", "--model", "random:" M3_TINY_CONFIG,
                            "--threads", "1", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines.front();
  for (const auto& row : result.rows("bench")) {
    const std::string name = row.at("name");
    if (name == "soak.frames") {
      EXPECT_GE(row.at("value"), 4000);
    }
    if (name == "soak.memory") {
      EXPECT_LE(row.at("ratio").get<double>(), 1.02) << row.dump();
    }
    if (name == "soak.positions") {
      EXPECT_LE(row.at("ratio").get<double>(), 1) << row.dump();
    }
  }
  EXPECT_EQ(names_of(result).size(), 5U);
}

TEST(Bench, SaysHowLongAQuestionWaitsForItsFirstToken) {
  if (!M3_HAVE_TORCH) GTEST_SKIP() << "this build has no torch engine";
  const ToolResult result =
      run_tool("m3-bench", {"ttft", "--model", "random:" M3_TINY_CONFIG, "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(has_ratio(result, "ttft.near_590_s"));
  EXPECT_TRUE(has_ratio(result, "ttft.reading_that_window"));
}

TEST(Bench, TimesTheStagesOfALlavaModel) {
  if (!M3_HAVE_TORCH) GTEST_SKIP() << "this build has no torch engine";
  // A Python without transformers: the peer is left out, and a line says why.
  const ToolResult result = run_tool(
      "m3-bench", {"llava", "--model", "random:" M3_GOLDEN_DIR "/llava/grouped/config.json",
                   "--peer-python", "/nowhere/python", "--threads", "1", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("/nowhere/python"), std::string::npos);
  const std::set<std::string> names = names_of(result);
  for (const char* name : {"llava.tower", "llava.prefill_1", "llava.decode_1", "llava.prefill_36",
                           "llava.prefill_576", "llava.decode_576"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_TRUE(has_ratio(result, "llava.weights_read_36"));
}

TEST(Bench, ComparesLlavaModelsOnly) {
  const ToolResult result = run_tool("m3-bench", {"llava", "--model", "fake:", "--threads", "1"});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("LLaVA"), std::string::npos);
}

TEST(Bench, GoesWithoutATower) {
  const ToolResult result = run_tool("m3-bench", {"encode", "--model", "fake:", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty()) << result.err_lines.front();
  EXPECT_TRUE(names_of(result).contains("encode.frame_720p"));
}

TEST(Bench, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(run_tool("m3-bench", {"everything"}).exit_code, 2);
  const ToolResult result = run_tool("m3-bench", {"--model", "/nowhere"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err_lines.size(), 1u);
}

}  // namespace
}  // namespace m3::test
