#include "core/activity_log.h"

#include <gtest/gtest.h>

#include <random>

#include "core/error.h"
#include "core/frame.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using test::error_of;

TEST(ActivityLog, ReadsBackExactlyWhatWasWritten) {
  std::mt19937 random(3);
  std::uniform_real_distribution<> unit(0, 1);
  for (int i = 0; i < 200; ++i) {
    LoggedActivity logged;
    logged.pts_ns = i == 0 ? kNoTime : static_cast<int64_t>(random()) * 1000 + i;
    Activity& activity = logged.activity;
    activity.motion = unit(random);
    activity.complexity = unit(random);
    activity.noise = 30 * unit(random);
    activity.scene = i % 3 == 0;
    activity.interest = i % 5 == 0;
    for (auto& block : activity.signature) block = static_cast<uint8_t>(random());
    if (i % 2 == 0) {
      for (auto& block : activity.heat) block = static_cast<uint8_t>(random());
    }
    const std::string line = to_log_line(logged);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const LoggedActivity read = read_log_line(line);
    EXPECT_EQ(read.pts_ns, logged.pts_ns);
    EXPECT_EQ(read.activity.motion, activity.motion);
    EXPECT_EQ(read.activity.complexity, activity.complexity);
    EXPECT_EQ(read.activity.noise, activity.noise);
    EXPECT_EQ(read.activity.scene, activity.scene);
    EXPECT_EQ(read.activity.interest, activity.interest);
    EXPECT_EQ(read.activity.signature, activity.signature);
    EXPECT_EQ(read.activity.heat, activity.heat);
  }
}

TEST(ActivityLog, RefusesWhatIsNoLineOfIt) {
  const std::string good = to_log_line({});
  EXPECT_NO_THROW(read_log_line(good));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    line.replace(line.find(from), from.size(), to);
    return line;
  };
  for (const std::string& line :
       {std::string(), std::string("[]"), std::string("{}"), std::string("{\"pts_ns\":"),
        with("\"motion\":0.0", "\"motion\":2"), with("\"motion\":0.0", "\"motion\":\"0\""),
        with("\"scene\":false", "\"scene\":1"), with("\"signature\":\"0", "\"signature\":\""),
        with("\"signature\":\"0", "\"signature\":\"x"), with("\"signature\"", "\"other\"")}) {
    EXPECT_EQ(error_of([&] { read_log_line(line); }).code(), ErrorCode::kCorrupt) << line;
  }
}

}  // namespace
}  // namespace m3
