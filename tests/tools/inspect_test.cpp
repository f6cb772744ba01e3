// m3-inspect on the fake engine, and on the default model's folder with and without its base
// weights.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

Json only_row(const ToolResult& result) {
  const auto rows = result.rows();
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Json{} : rows.front();
}

TEST(Inspect, TellsWhatTheFakeModelIs) {
  const ToolResult result = run_tool("m3-inspect", {"--json", "fake:"});
  EXPECT_EQ(result.exit_code, 0);
  const Json model = only_row(result);
  EXPECT_EQ(model.at("type"), "model");
  EXPECT_EQ(model.at("family"), "fake");
  EXPECT_EQ(model.at("ladder"), (std::vector<int>{1, 9, 36, 144}));
  EXPECT_EQ(model.at("missing").size(), 0u);
}

TEST(Inspect, TellsTheDefaultModelsShapeAndWhatIsMissingWithoutBaseWeights) {
  const ToolResult result = run_tool("m3-inspect", {"--json"}, {{"M3_CACHE", "/nowhere"}});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("scripts/setup"), std::string::npos) << result.err_lines[0];
  const Json model = only_row(result);
  EXPECT_EQ(model.at("missing").size(), 2u);
  EXPECT_EQ(model.at("layout_version"), 1);
  EXPECT_EQ(model.at("trained_visual_tokens"), 150);
  // Keys and values of 30 layers, 3 heads of 64, in float32, at 150 tokens.
  EXPECT_EQ(model.at("memory").at(0).at("window_bytes"), 2 * 30 * 3 * 64 * 4 * 150);
}

TEST(Inspect, ForPeopleItNamesTheFiles) {
  const ToolResult result = run_tool("m3-inspect", {"default"}, {{"M3_CACHE", "/nowhere"}});
  EXPECT_NE(result.out.find("adapter.safetensors"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("tower: missing"), std::string::npos) << result.out;
}

TEST(Inspect, MissingModelIsNamed) {
  const ToolResult result = run_tool("m3-inspect", {"/nowhere/model"});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("/nowhere/model"), std::string::npos);
}

TEST(Inspect, TellsWhichTextsStandAroundTheQuestionsOfALlavaModel) {
  const TemporaryFolder folder;
  std::filesystem::copy(M3_GOLDEN_DIR "/llava/tied", folder.path());
  const auto chat = [&] {
    const ToolResult result = run_tool("m3-inspect", {"--json", folder.path()});
    EXPECT_EQ(result.exit_code, 0);
    return only_row(result).value("chat", "");
  };
  EXPECT_EQ(chat(), "by the tokenizer's special tokens, else vicuna; the folder has no template");
  folder.write("chat_template.json", R"({"chat_template": "USER: {{ text }} ASSISTANT:"})");
  EXPECT_EQ(chat(), "vicuna, by its chat_template.json");
  folder.write("chat_template.jinja", "");
  const ToolResult result = run_tool("m3-inspect", {"--json", folder.path()});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("chat_template.jinja"), std::string::npos);
}

TEST(Inspect, TokenIdsAreOneArray) {
  const ToolResult result = run_tool("m3-inspect", {"--tokenize", "ab", "fake:"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "[97,98]\n");
}

TEST(Inspect, TraceNeedsAPrompt) {
  const ToolResult result = run_tool("m3-inspect", {"--trace", "out.safetensors", "fake:"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err_lines.size(), 1u);
}

TEST(Inspect, TraceWritesTheStages) {
  const std::string out = text_file("trace.safetensors", "");
  const ToolResult result =
      run_tool("m3-inspect", {"--json", "--image", red_picture(100), "--scale", "9", "--prompt",
                              "What?", "--trace", out, "fake:"});
  ASSERT_EQ(result.exit_code, 0) << (result.err_lines.empty() ? "" : result.err_lines[0]);
  std::map<std::string, Json> tensors;
  const Json row = only_row(result);
  for (const Json& tensor : row.at("tensors")) tensors[tensor.at("name")] = tensor;
  ASSERT_TRUE(tensors.count("pooled"));
  EXPECT_EQ(tensors["pooled"].at("shape").at(0), 9);
  EXPECT_EQ(tensors["input_ids"].at("dtype"), "I64");
  EXPECT_GT(std::filesystem::file_size(out), 9u * 4);
}

}  // namespace
}  // namespace m3::test
