// Sixteen streams in one pipeline that share one budget, each with an element line of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

constexpr int kStreams = 16;
constexpr double kRate = 60;
constexpr double kBurst = 400;

std::string line(int stream, const std::string& settings) {
  return "videotestsrc pattern=ball num-buffers=80 ! "
         "video/x-raw,format=I420,width=128,height=96,framerate=20/1 ! m3qa model=fake: fps=0 "
         "budget=60 burst=400 budget-group=sixteen question=What? frame-messages=true stream=" +
         std::to_string(stream) + " " + settings + " ! fakesink ";
}

TEST(BudgetGroup, SixteenStreamsKeepTheRuleTogetherAndNoneStarves) {
  std::string launch;
  for (int i = 0; i < kStreams; ++i) launch += line(i, i % 2 == 0 ? "crops=true" : "");
  const Played played = play(launch);
  EXPECT_EQ(played.errors(), std::vector<std::string>());
  ASSERT_TRUE(played.eos);
  std::vector<std::pair<double, int>> spent;
  std::map<std::string, int> encoded;
  std::map<std::string, int> frames;
  for (const GstStructure* frame : played.named("m3-frame")) {
    gdouble pts = 0;
    gint scale = 0;
    gint crop_scale = 0;
    gst_structure_get_double(frame, "pts", &pts);
    gst_structure_get_int(frame, "scale", &scale);
    gst_structure_get_int(frame, "crop_scale", &crop_scale);
    const std::string stream = gst_structure_get_string(frame, "stream");
    ++frames[stream];
    if (scale == 0) continue;
    ++encoded[stream];
    spent.emplace_back(pts, scale + crop_scale);
  }
  EXPECT_EQ(frames.size(), static_cast<size_t>(kStreams));
  EXPECT_EQ(frames["0"], 80);
  EXPECT_EQ(encoded.size(), static_cast<size_t>(kStreams)) << "every stream was looked at";
  EXPECT_EQ(played.texts().size(), static_cast<size_t>(kStreams));
  std::sort(spent.begin(), spent.end());
  double lacking = 0;
  double last = 0;
  for (const auto& [second, tokens] : spent) {
    lacking = std::max(0.0, lacking - kRate * (second - last)) + tokens;
    last = second;
    ASSERT_LE(lacking, kBurst + 1e-3) << "at " << second;
  }
  EXPECT_GT(spent.size(), static_cast<size_t>(kStreams));
}

TEST(BudgetGroup, AStreamThatDisagreesAboutTheBudgetIsRefused) {
  const Played played = play(line(0, "") + line(1, "budget=70"));
  const auto errors = played.errors();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find("budget group \"sixteen\" is open with"), std::string::npos)
      << errors[0];
}

}  // namespace
}  // namespace m3::test
