#include "core/uuid.h"

#include <gtest/gtest.h>

#include <chrono>
#include <regex>
#include <string>

namespace m3 {
namespace {

TEST(Uuid7, HasVersionSevenAndTheRfcVariant) {
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  EXPECT_TRUE(std::regex_match(uuid7(), form)) << uuid7();
}

TEST(Uuid7, OpensWithTheMillisecondsSince1970) {
  const auto now_ms = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const auto before = now_ms();
  const std::string id = uuid7();
  const long long stamp = std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16);
  EXPECT_GE(stamp, before);
  EXPECT_LE(stamp, now_ms() + 1);
}

TEST(Uuid7, RisesWithinOneMillisecond) {
  std::string last = uuid7();
  for (int i = 0; i < 10000; ++i) {
    const std::string next = uuid7();
    ASSERT_LT(last, next);
    last = next;
  }
}

}  // namespace
}  // namespace m3
