#include "core/json_lines.h"

#include <gtest/gtest.h>

#include <limits>
#include <regex>

namespace m3 {
namespace {

constexpr int64_t kMs = 1'000'000;

AnswerLine answer_line() {
  AnswerLine line;
  line.id = "q1";
  line.uid = "u";
  line.utc = "2026-01-31T23:59:59.123Z";
  line.question = "What?";
  line.answer.text = "A dog.";
  line.answer.asked_at_ns = 12500 * kMs;
  line.answer.from_ns = 3000 * kMs;
  line.answer.to_ns = 12500 * kMs;
  line.answer.evidence_ns = {7500 * kMs};
  line.answer.frames = 19;
  line.answer.visual_tokens = 410;
  line.answer.prompt_tokens = 31;
  line.answer.new_tokens = 4;
  line.answer.confidence = 0.93;
  line.answer.ttft_ms = 83.12;
  line.answer.total_ms = 140.88;
  return line;
}

TEST(JsonLines, WriteAFrameAsTheContractShowsIt) {
  FrameLine line;
  line.pts_ns = 12040 * kMs;
  line.motion = 0.31;
  line.complexity = 0.44;
  line.scale = 36;
  line.reason = Reason::kMotion;
  EXPECT_EQ(to_json_line(line),
            R"({"type":"frame","stream":"0","pts":12.04,"motion":0.31,"complexity":0.44,)"
            R"("scale":36,"reason":"motion"})");
}

TEST(JsonLines, WriteAnAnswerAsTheContractShowsIt) {
  EXPECT_EQ(to_json_line(answer_line()),
            R"({"type":"answer","id":"q1","uid":"u","stream":"0","utc":"2026-01-31T23:59:59.123Z",)"
            R"("question":"What?","text":"A dog.","asked_at":12.5,"from":3.0,"to":12.5,)"
            R"("evidence":[7.5],"frames":19,"visual_tokens":410,"prompt_tokens":31,"new_tokens":4,)"
            R"("confidence":0.93,"ttft_ms":83.1,"total_ms":140.9,"finish":"stop"})");
}

TEST(JsonLines, WriteTheEndAsTheContractShowsIt) {
  const EndLine line{900, 57, 3, 840, 0, 2210, 210, 30.0, 11.2, 812, false};
  EXPECT_EQ(to_json_line(line),
            R"({"type":"end","frames":900,"frames_encoded":57,"frames_reused":3,)"
            R"("frames_sampled_out":840,"frames_dropped":0,"visual_tokens":2210,"text_tokens":210,)"
            R"("seconds":30.0,"wall_seconds":11.2,"peak_rss_mb":812.0,"truncated":false})");
}

TEST(JsonLines, ShowTimesThatAreNotKnownAsNull) {
  AnswerLine line = answer_line();
  line.answer.asked_at_ns = line.answer.from_ns = line.answer.to_ns = kNoTime;
  EXPECT_NE(to_json_line(line).find(R"("asked_at":null,"from":null,"to":null)"), std::string::npos);
}

TEST(JsonLines, SayWhatWentWrongOnlyWithAnError) {
  AnswerLine line = answer_line();
  line.answer.error = "the device failed";
  EXPECT_EQ(to_json_line(line).find("the device failed"), std::string::npos);
  line.answer.finish = Finish::kError;
  EXPECT_TRUE(to_json_line(line).ends_with(R"("finish":"error","error":"the device failed"})"));
}

TEST(JsonLines, StayOneLineOfUtf8WhateverTheTextHolds) {
  AnswerLine line = answer_line();
  line.question = "a\nb\"c";
  line.answer.text = "\xff!";
  const std::string text = to_json_line(line);
  EXPECT_NE(text.find(R"("question":"a\nb\"c")"), std::string::npos);
  EXPECT_NE(text.find("\"text\":\"\xef\xbf\xbd!\""), std::string::npos);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(JsonLines, ShowNumbersThatAreNotFiniteAsNull) {
  AnswerLine line = answer_line();
  line.answer.confidence = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(to_json_line(line).find(R"("confidence":null)"), std::string::npos);
}

TEST(JsonLines, TellTheTimeInUtcToTheMillisecond) {
  const std::regex form(R"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ)");
  EXPECT_TRUE(std::regex_match(utc_now(), form)) << utc_now();
}

}  // namespace
}  // namespace m3
