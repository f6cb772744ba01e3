// m3-ask --video with the fake engine: counts, times and the shape of what is printed.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "core/vision/image_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tests/tools/tool_process.h"

namespace m3::test {
namespace {

using Json = nlohmann::json;

constexpr int kFrames = 100;  // four seconds of 25

ToolResult ask(std::vector<std::string> more, const std::string& video = ball_video(kFrames)) {
  std::vector<std::string> arguments = {"--model", "fake:",   "--question",
                                        "What?",   "--video", video};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_tool("m3-ask", arguments);
}

std::vector<double> values(const std::vector<Json>& rows, const char* key) {
  std::vector<double> all;
  for (const Json& row : rows) all.push_back(row.at(key).get<double>());
  return all;
}

Json only_end(const ToolResult& result) {
  const auto ends = result.rows("end");
  EXPECT_EQ(ends.size(), 1u);
  return ends.empty() ? Json{} : ends.front();
}

TEST(AskVideo, CountsEachFrameOfTheFileOnce) {
  const ToolResult result = ask({"--json"});
  ASSERT_EQ(result.exit_code, 0);
  const Json end = only_end(result);
  EXPECT_EQ(end.at("frames"), kFrames);
  EXPECT_EQ(end.at("frames_encoded").get<int>() + end.at("frames_reused").get<int>() +
                end.at("frames_sampled_out").get<int>() + end.at("frames_dropped").get<int>(),
            kFrames);
  EXPECT_EQ(end.at("frames_dropped"), 0);
  EXPECT_NEAR(end.at("seconds").get<double>(), 4.0, 0.05);
  EXPECT_EQ(end.at("truncated"), false);
  EXPECT_GT(end.at("wall_seconds").get<double>(), 0);
  EXPECT_GT(end.at("peak_rss_mb").get<double>(), 1);
}

TEST(AskVideo, PrintsOneLineForEachFrameInOrder) {
  const ToolResult result = ask({"--frames", "--json"});
  const auto frames = result.rows("frame");
  ASSERT_EQ(frames.size(), static_cast<size_t>(kFrames));
  const std::set<int> scales = {0, 1, 9, 36, 144};
  int encoded = 0;
  for (int i = 0; i < kFrames; ++i) {
    EXPECT_NEAR(frames[i].at("pts").get<double>(), i / 25.0, 1e-3);
    EXPECT_EQ(scales.count(frames[i].at("scale").get<int>()), 1u);
    encoded += frames[i].at("scale").get<int>() > 0;
  }
  EXPECT_EQ(frames[0].at("reason"), "first");
  EXPECT_EQ(only_end(result).at("frames_encoded"), encoded);
}

TEST(AskVideo, WithoutTimesAsksOnceAtTheEnd) {
  const auto answers = ask({"--json"}).rows("answer");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_NEAR(answers[0].at("asked_at").get<double>(), 4.0, 0.05);
  EXPECT_EQ(answers[0].at("finish"), "stop");
  EXPECT_EQ(answers[0].at("question"), "What?");
}

TEST(AskVideo, AtAsksWhenTheStreamReachesThoseSeconds) {
  const auto answers = ask({"--at", "1", "--at", "2.5", "--json"}).rows("answer");
  EXPECT_EQ(values(answers, "asked_at"), (std::vector<double>{1.0, 2.5}));
  for (const Json& answer : answers) {
    EXPECT_LE(answer.at("to").get<double>(), answer.at("asked_at").get<double>());
    EXPECT_GE(answer.at("to").get<double>(),
              answer.at("asked_at").get<double>() - 0.5);  // two looks a second
  }
}

TEST(AskVideo, AtBehindTheEndIsAskedOnceAtTheEnd) {
  const auto answers = ask({"--at", "1000", "--json"}).rows("answer");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_NEAR(answers[0].at("to").get<double>(), 3.5, 0.5);
}

TEST(AskVideo, EveryAsksAgainAfterEachInterval) {
  const auto answers = ask({"--every", "1", "--json"}).rows("answer");
  EXPECT_EQ(values(answers, "asked_at"), (std::vector<double>{1, 2, 3, 4}));
}

TEST(AskVideo, AnswersHaveAllFieldsOfTheContract) {
  const auto answers = ask({"--json"}).rows("answer");
  ASSERT_EQ(answers.size(), 1u);
  for (const char* key : {"id", "uid", "stream", "utc", "question", "text", "asked_at", "from",
                          "to", "evidence", "frames", "visual_tokens", "prompt_tokens",
                          "new_tokens", "confidence", "ttft_ms", "total_ms", "finish"}) {
    EXPECT_TRUE(answers[0].contains(key)) << key;
  }
}

TEST(AskVideo, ThreeRunsOfAFileAgree) {
  const auto run = [] {
    std::vector<Json> rows = ask({"--every", "0.7", "--frames", "--json"}).rows();
    for (Json& row : rows) {
      for (const char* of_the_clock :
           {"uid", "utc", "ttft_ms", "total_ms", "wall_seconds", "peak_rss_mb"}) {
        row.erase(of_the_clock);
      }
    }
    std::vector<Json> answers;
    std::vector<Json> others;
    for (Json& row : rows) (row.at("type") == "answer" ? answers : others).push_back(row);
    return std::pair(answers, others);
  };
  const auto first = run();
  EXPECT_GT(first.first.size(), 4u);
  EXPECT_EQ(run(), first);
  EXPECT_EQ(run(), first);
}

TEST(AskVideo, ForPeopleAnAnswerStandsBehindItsTime) {
  const ToolResult result = ask({"--at", "2.5"});
  EXPECT_TRUE(std::regex_match(
      result.out, std::regex("\\[00:02\\.5\\] \\d+ frames, \\d+ tokens, brightness \\d+\n")))
      << result.out;
  EXPECT_TRUE(result.err_lines.empty());
}

TEST(AskVideo, SeveralQuestionsStandBesideTheirAnswers) {
  const ToolResult result = ask({"--question", "And now?", "--at", "2"});
  EXPECT_TRUE(std::regex_search(result.out, std::regex("\\[00:02\\.0\\] What\\? -> \\d+ frames")))
      << result.out;
  EXPECT_TRUE(
      std::regex_search(result.out, std::regex("\\[00:02\\.0\\] And now\\? -> \\d+ frames")))
      << result.out;
}

TEST(AskVideo, FixedScaleIsEveryLooksScale) {
  for (const Json& frame : ask({"--scale", "9", "--frames", "--json"}).rows("frame")) {
    EXPECT_TRUE(frame.at("scale") == 9 || frame.at("reason") == "sampled") << frame;
  }
}

TEST(AskVideo, EveryFrameIsLookedAtWithFpsZero) {
  const Json end = only_end(ask({"--fps", "0", "--json"}));
  EXPECT_EQ(end.at("frames_sampled_out"), 0);
  EXPECT_EQ(end.at("frames"), kFrames);
}

TEST(AskVideo, OptionsOfTheAnswerReachTheEngine) {
  const ToolResult result = run_tool("m3-ask", {"--video",    ball_video(kFrames),
                                                "--question", "Q",
                                                "--model",    "fake:say=settings",
                                                "--json",     "--max-new-tokens",
                                                "63",         "--temperature",
                                                "0.5",        "--top-p",
                                                "0.25",       "--seed",
                                                "7",          "--stop",
                                                "END",        "--system-prompt",
                                                "Be brief.",  "--window-tokens",
                                                "99"});
  ASSERT_EQ(result.exit_code, 0);
  const std::string text = result.rows("answer").at(0).at("text");
  for (const char* setting : {"63", "0.5", "0.25", "7", "END", "Be brief.", "99"}) {
    EXPECT_NE(text.find(setting), std::string::npos) << setting << " in " << text;
  }
}

TEST(AskVideo, FirstVideoStreamIsTakenAndSoundIsLeftAlone) {
  const ToolResult result = ask({"--json"}, crowded_video());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.err_lines.empty());
  EXPECT_EQ(only_end(result).at("frames"), kFrames);
  EXPECT_EQ(only_end(result).at("truncated"), false);
}

TEST(AskVideo, UriIsPlayedLikeAFile) {
  EXPECT_EQ(only_end(ask({"--json"}, "file://" + ball_video(kFrames))).at("frames"), kFrames);
}

TEST(AskVideo, FramesAloneNeedNoQuestion) {
  const ToolResult result = run_tool(
      "m3-ask", {"--model", "fake:", "--video", ball_video(kFrames), "--frames", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.rows("frame").size(), static_cast<size_t>(kFrames));
  EXPECT_TRUE(result.rows("answer").empty());
}

TEST(AskVideo, InteractivelyEveryLineOfStdinIsAQuestion) {
  const std::string lines = text_file("lines.txt", "What is it?\n\n  \nAnd where?");
  const ToolResult result =
      run_tool("m3-ask", {"--video", ball_video(), "--interactive", "--model", "fake:", "--json"},
               {}, lines);
  EXPECT_EQ(result.exit_code, 0);
  const std::vector<nlohmann::json> answers = result.rows("answer");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].at("question"), "What is it?");
  EXPECT_EQ(answers[1].at("question"), "And where?");
  EXPECT_LT(answers[0].at("asked_at"), 2.0) << "not kept for the end";
  EXPECT_GT(result.seconds, 2.0) << "played at its own speed";
}

TEST(AskVideo, AChatIsOneConversation) {
  const std::string lines = text_file("lines.txt", "What is it?\nAnd where?");
  for (const bool chat : {false, true}) {
    std::vector<std::string> arguments = {"--video", ball_video(),        "--interactive",
                                          "--model", "fake:say=settings", "--json"};
    if (chat) arguments.emplace_back("--chat");
    const auto answers = run_tool("m3-ask", arguments, {}, lines).rows("answer");
    ASSERT_EQ(answers.size(), 2u);
    for (const auto& answer : answers) {
      const std::string text = answer.at("text");
      EXPECT_EQ(text.find("conversation=chat") != std::string::npos, chat) << text;
    }
  }
}

TEST(AskVideo, InteractiveNeedsAVideo) {
  const ToolResult result = run_tool("m3-ask", {"--interactive", "--model", "fake:"});
  EXPECT_EQ(result.exit_code, 2);
}

#ifdef M3_HAVE_DRAWING
TEST(AskVideo, DrawsTheTimelineIntoAFile) {
  const TemporaryFolder folder;
  const std::string plot = folder.path() + "/line.png";
  const ToolResult result = ask({"--plot", plot, "--every", "1", "--json"});
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.rows("frame").empty()) << "--frames was not given";
  EXPECT_EQ(result.rows("answer").size(), 4u);
  const Image image = read_image(plot);
  EXPECT_EQ(image.width_px, 1400);
  EXPECT_GT(image.height_px, 700);
  std::set<std::vector<uint8_t>> colours;
  for (size_t i = 0; i + 3 <= image.rgb.size(); i += 3) {
    colours.insert({image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]});
  }
  EXPECT_GT(colours.size(), 50u) << "lines, dots and words";
}

TEST(AskVideo, SaysWhereAPlotCannotBeWritten) {
  const ToolResult result = ask({"--plot", "/nowhere/line.png"});
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_EQ(result.err_lines.size(), 1u);
  EXPECT_NE(result.err_lines[0].find("/nowhere/line.png: the picture cannot be written"),
            std::string::npos)
      << result.err_lines[0];
  EXPECT_EQ(run_tool("m3-ask", {"--question", "What?", "--plot", "a.png"}).exit_code, 2);
}
#endif

TEST(AskVideo, RegionsMasksAndCropsAreTaken) {
  const ToolResult result =
      ask({"--roi", "0,0,1,1", "--mask", "0,0,0.1,0.1", "--crops", "true", "--json"});
  EXPECT_EQ(result.exit_code, 0);
  const ToolResult wrong = ask({"--mask", "clock"});
  EXPECT_EQ(wrong.exit_code, 1);
  ASSERT_EQ(wrong.err_lines.size(), 1u);
  EXPECT_NE(wrong.err_lines[0].find("mask \"clock\" cannot be read"), std::string::npos)
      << wrong.err_lines[0];
}

}  // namespace
}  // namespace m3::test
