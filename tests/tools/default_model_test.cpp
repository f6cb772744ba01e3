// The tools with the default model: skipped where its base weights or the engine module are
// missing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/support/patience.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

std::string bytes_of(const std::string& file) {
  std::ifstream source(file, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(source), {}};
}

class DefaultModel : public testing::Test {
 protected:
  void SetUp() override {
    const std::string module = std::string(std::getenv("M3_ENGINE_PATH")) + "/libm3engine-torch.so";
    if (!std::filesystem::exists(module)) GTEST_SKIP() << "this build has no engine on libtorch";
    const ToolResult result = run_tool("m3-inspect", {"default"});
    if (result.exit_code != 0) GTEST_SKIP() << "base weights are missing: run scripts/setup";
  }
};

TEST_F(DefaultModel, TokenIdsAreSmolLm2s) {
  EXPECT_EQ(run_tool("m3-inspect", {"--tokenize", "Hello world! 123", "default"}).out,
            "[19556,905,17,216,33,34,35]\n");
  EXPECT_EQ(run_tool("m3-inspect", {"--tokenize", "The capital of France is", "default"}).out,
            "[504,3575,282,4649,314]\n");
}

TEST_F(DefaultModel, ThreeRunsOfAFileAgree) {
  const auto answers = [] {
    std::vector<Json> rows;
    const ToolResult result = run_tool("m3-ask", {"--video", ball_video(), "--question",
                                                  "What do you see?", "--every", "1.5", "--json"});
    EXPECT_EQ(result.exit_code, 0);
    for (const Json& answer : result.rows("answer")) {
      rows.push_back({answer.at("asked_at"), answer.at("text"), answer.at("visual_tokens"),
                      answer.at("confidence")});
    }
    return rows;
  };
  const std::vector<Json> first = answers();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_FALSE(first[0].at(1).get<std::string>().empty());
  EXPECT_EQ(answers(), first);
  EXPECT_EQ(answers(), first);
}

TEST_F(DefaultModel, TraceHasEveryStageInItsShape) {
  const std::string out = text_file("default-trace.safetensors", "");
  const ToolResult result =
      run_tool("m3-inspect", {"--json", "--image", red_picture(100), "--scale", "9", "--prompt",
                              "What do you see?", "--max-new-tokens", "4", "--dtype", "float32",
                              "--trace", out, "default"});
  ASSERT_EQ(result.exit_code, 0) << (result.err_lines.empty() ? "" : result.err_lines[0]);
  std::map<std::string, std::vector<int64_t>> shapes;
  const Json row = result.rows().at(0);
  for (const Json& tensor : row.at("tensors"))
    shapes[tensor.at("name")] = tensor.at("shape").get<std::vector<int64_t>>();
  EXPECT_EQ(shapes["pixel_values"], (std::vector<int64_t>{1, 3, 384, 384}));
  EXPECT_EQ(shapes["tower"], (std::vector<int64_t>{1, 144, 1811}));
  EXPECT_EQ(shapes["projected"], (std::vector<int64_t>{1, 144, 576}));
  EXPECT_EQ(shapes["pooled"], (std::vector<int64_t>{9, 576}));
  ASSERT_EQ(shapes["input_ids"].size(), 1u);
  EXPECT_EQ(shapes["logits"], (std::vector<int64_t>{shapes["input_ids"][0], 49152}));
  EXPECT_EQ(shapes["generated_ids"].size(), 1u);
}

TEST_F(DefaultModel, PixelsOfATraceGiveTheSameAnswerAsThePicture) {
  const std::string out = text_file("picture-trace.safetensors", "");
  const std::string again = text_file("pixels-trace.safetensors", "");
  const std::vector<std::string> common = {"--prompt",         "What?", "--scale", "1",
                                           "--max-new-tokens", "4",     "default"};
  const auto trace = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), common.begin(), common.end());
    return run_tool("m3-inspect", arguments);
  };
  ASSERT_EQ(trace({"--image", red_picture(100), "--trace", out}).exit_code, 0);
  ASSERT_EQ(trace({"--pixels", out, "--trace", again}).exit_code, 0);
  EXPECT_TRUE(bytes_of(out) == bytes_of(again));  // every stage, to the bit
}

TEST_F(DefaultModel, CtrlCEndsALongAnswerInUnderASecond) {
  RunningTool tool("m3-ask", {"--video", ball_video(), "--question", "Tell me a long story.",
                              "--frames", "--model", "default", "--max-new-tokens", "4000"});
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(tool.read_line().empty());
  const ToolResult result = tool.interrupt();
  EXPECT_LT(result.seconds, within(1000).count() / 1000.0);
  EXPECT_LE(result.exit_code, 1);  // a short story may have ended before
}

}  // namespace
}  // namespace m3::test
