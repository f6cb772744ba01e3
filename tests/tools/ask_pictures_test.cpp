// m3-ask with pictures, windows and plain text, on the fake engine.
#include <gtest/gtest.h>

#include <map>

#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

ToolResult ask(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"--model", "fake:", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_tool("m3-ask", arguments);
}

Json only_answer(const ToolResult& result) {
  const auto answers = result.rows("answer");
  EXPECT_EQ(answers.size(), 1u);
  return answers.empty() ? Json{} : answers.front();
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

TEST(AskPictures, AllPicturesAreInOneWindow) {
  const Json answer =
      only_answer(ask({"--question", "What?", "--scale", "9", "--image", red_picture(50), "--image",
                       red_picture(100), "--image", red_picture(200)}));
  EXPECT_EQ(answer.at("frames"), 3);
  EXPECT_EQ(answer.at("visual_tokens"), 27);
  EXPECT_TRUE(answer.at("asked_at").is_null());
  EXPECT_TRUE(answer.at("from").is_null());
}

TEST(AskPictures, TheirOrderIsTheCommandLines) {
  const auto brightness = [](const std::string& first, const std::string& last) {
    return only_answer(ask({"--question", "What?", "--image", first, "--image", last})).at("text");
  };
  EXPECT_NE(brightness(red_picture(50), red_picture(200)),
            brightness(red_picture(200), red_picture(50)));
}

TEST(AskPictures, WithoutPicturesTheTextIsAsked) {
  const Json answer = only_answer(ask({"--question", "Hello?"}));
  EXPECT_EQ(answer.at("frames"), 0);
  EXPECT_EQ(answer.at("finish"), "stop");
}

TEST(AskPictures, MissingPictureFailsInOneLine) {
  const ToolResult result = ask({"--question", "What?", "--image", "/nowhere/a.png"});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("/nowhere/a.png"), std::string::npos);
}

TEST(AskWindows, AreShownAsGiven) {
  const std::string file = red_picture(100);
  const std::string name = name_of(file);
  const std::string list =
      text_file("windows.jsonl", R"({"frames": [{"file": ")" + name +
                                     R"(", "second": 84, "scale": 9}, {"file": ")" + name +
                                     R"(", "second": 92.5, "scale": 36}], "question": "What?"})" +
                                     "\n\n" + R"({"frames": [{"file": ")" + name +
                                     R"(", "second": null, "scale": 1}], "question": "B?"})");
  const ToolResult result = ask({"--windows", list, "--image-root", folder_of(file)});
  EXPECT_EQ(result.exit_code, 0);
  const auto answers = result.rows("answer");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].at("index"), 0);
  EXPECT_EQ(answers[0].at("frames"), 2);
  EXPECT_EQ(answers[0].at("visual_tokens"), 45);
  EXPECT_EQ(answers[0].at("from"), 84.0);
  EXPECT_EQ(answers[0].at("to"), 92.5);
  EXPECT_EQ(answers[1].at("index"), 2);  // the empty line counts
  EXPECT_EQ(answers[1].at("visual_tokens"), 1);
  EXPECT_TRUE(answers[1].at("from").is_null());
}

TEST(AskWindows, AreAsLargeAsTheyAre) {
  const std::string file = red_picture(100);
  std::string frames;
  for (int i = 0; i < 30; ++i) {
    frames += (i > 0 ? ", " : "") + ("{\"file\": \"" + name_of(file)) +
              "\", \"second\": " + std::to_string(i) + ", \"scale\": 36}";
  }
  const std::string list =
      text_file("large.jsonl", "{\"frames\": [" + frames + "], \"question\": \"What?\"}\n");
  EXPECT_EQ(
      only_answer(ask({"--windows", list, "--image-root", folder_of(file)})).at("visual_tokens"),
      30 * 36);
}

TEST(AskWindows, BrokenLineIsNamedBeforeAnythingIsAsked) {
  const std::string list =
      text_file("broken.jsonl", "{\"frames\": [], \"question\": \"A?\"}\n{\"frames\": [}\n");
  const ToolResult result = ask({"--windows", list});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("broken.jsonl:2: not JSON"), std::string::npos)
      << result.err_lines[0];
}

TEST(AskWindows, ScaleOffTheLadderIsNamedWithItsLine) {
  const std::string list = text_file(
      "off.jsonl", R"({"frames": [{"file": "a.png", "second": 1, "scale": 7}], "question": "A?"})"
                   "\n");
  const ToolResult result = ask({"--windows", list});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("off.jsonl:1: scale 7"), std::string::npos)
      << result.err_lines[0];
}

TEST(AskQuestions, ClipsAndPicturesAreAnsweredWithTheirLines) {
  const std::string video = ball_video(100);
  const std::string picture = red_picture(100);
  const std::string list = text_file(
      "mixed.jsonl",
      R"({"video": ")" + name_of(video) + R"(", "question": "A?", "t0": 0.0, "t1": 2.0})" + "\n" +
          R"({"file": ")" + name_of(picture) + R"(", "question": "B?", "scale": 36})" + "\n" +
          R"({"video": ")" + name_of(video) + R"(", "question": "C?", "t0": null, "t1": null})" +
          "\n" + R"({"file": ")" + name_of(picture) + R"(", "question": "D?"})" + "\n");
  const ToolResult result = ask(
      {"--questions", list, "--video-root", folder_of(video), "--image-root", folder_of(picture)});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty());
  std::map<int, Json> answers;
  for (const Json& answer : result.rows("answer")) answers[answer.at("index").get<int>()] = answer;
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(answers[0].at("asked_at"), 2.0);
  EXPECT_EQ(answers[0].at("video"), name_of(video));
  EXPECT_EQ(answers[0].at("question"), "A?");
  EXPECT_EQ(answers[1].at("visual_tokens"), 36);
  EXPECT_EQ(answers[1].at("file"), name_of(picture));
  EXPECT_NEAR(answers[2].at("asked_at").get<double>(), 4.0, 0.05);
  EXPECT_EQ(answers[3].at("visual_tokens"), 144);
  const Json end = result.rows("end").at(0);
  EXPECT_EQ(end.at("frames"), 100 + 2);  // one pass over the clip; the picture at two scales
}

TEST(AskQuestions, MissingPictureAndClipFailAloneAndTheRestIsAnswered) {
  const std::string picture = red_picture(100);
  const std::string list =
      text_file("gaps.jsonl", R"({"file": "none.png", "question": "A?"})"
                              "\n"
                              R"({"video": "none.mp4", "question": "B?", "t1": 1})"
                              "\n"
                              R"({"file": ")" +
                                  name_of(picture) +
                                  R"(", "question": "C?"})"
                                  "\n");
  const ToolResult result = ask({"--questions", list, "--video-root", folder_of(picture),
                                 "--image-root", folder_of(picture)});
  EXPECT_EQ(result.exit_code, 1);
  std::map<int, Json> answers;
  for (const Json& answer : result.rows("answer")) answers[answer.at("index").get<int>()] = answer;
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].at("finish"), "error");
  EXPECT_NE(answers[0].at("error").get<std::string>().find("none.png"), std::string::npos);
  EXPECT_EQ(answers[1].at("finish"), "error");
  EXPECT_EQ(answers[2].at("finish"), "stop");
  EXPECT_LE(result.err_lines.size(), 2u);  // the clip, and the sum
}

TEST(AskQuestions, LineWithNeitherClipNorPictureIsNamed) {
  const ToolResult result =
      ask({"--questions", text_file("neither.jsonl", "{\"question\": \"A?\"}\n")});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("neither.jsonl:1: exactly one of"), std::string::npos)
      << result.err_lines[0];
}

}  // namespace
}  // namespace m3::test
