#include "tools/m3_eval/memory_figures.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace m3::eval {
namespace {

// Needles that are asked about once by each; `right` says of which every arm knows.
std::vector<MemoryRecord> records(double ago, Arm against, const std::string& nested,
                                  const std::string& other, const std::string& blind) {
  std::vector<MemoryRecord> all;
  for (size_t needle = 0; needle < nested.size(); ++needle) {
    all.push_back({needle, ago, "ever", Arm::kNested, nested[needle] == '+'});
    all.push_back({needle, ago, "ever", against, other[needle] == '+'});
    all.push_back({needle, ago, "ever", Arm::kBlind, blind[needle] == '+'});
  }
  return all;
}

TEST(MemoryFigures, LeadsAreOverWhatCanBeGuessed) {
  const auto leads = leads_of(records(60, Arm::kRecent, "++++++++--", "+++++-----", "++++------"));
  ASSERT_EQ(leads.size(), 2U);  // all and ever, which are the same here
  for (const MemoryLead& lead : leads) {
    EXPECT_EQ(lead.seconds_ago, 60);
    EXPECT_EQ(lead.against, Arm::kRecent);
    EXPECT_EQ(lead.factor, 2);
    EXPECT_DOUBLE_EQ(lead.nested.points, 40);
    EXPECT_DOUBLE_EQ(lead.other.points, 10);
    EXPECT_LE(lead.nested.low, 40);
    EXPECT_GE(lead.nested.high, 40);
    EXPECT_GT(lead.probability, 0.8);
  }
  EXPECT_EQ(leads[0].kind, "all");
  EXPECT_EQ(leads[1].kind, "ever");
}

TEST(MemoryFigures, AsFarAheadAsTheOtherIsNotTwiceAsFar) {
  const auto lead =
      leads_of(records(60, Arm::kRecent, "++++++++--", "++++++++--", "++++------")).front();
  EXPECT_DOUBLE_EQ(lead.nested.points, lead.other.points);
  EXPECT_EQ(lead.probability, 0);
}

TEST(MemoryFigures, AsGoodAsFineIsMoreThanFourFifthsOfIt) {
  const auto lead =
      leads_of(records(30, Arm::kFine, "++++++++--", "++++++++--", "++++------")).front();
  EXPECT_EQ(lead.against, Arm::kFine);
  EXPECT_DOUBLE_EQ(lead.factor, 0.8);
  EXPECT_GT(lead.probability, 0.95);
}

TEST(MemoryFigures, WhoIsNotAheadOfGuessingHasNoLead) {
  const auto lead = leads_of(records(60, Arm::kRecent, "+-", "--", "+-")).front();
  EXPECT_EQ(lead.nested.points, 0);
  EXPECT_EQ(lead.other.points, -50);
  EXPECT_EQ(lead.probability, 0);
}

TEST(MemoryFigures, RowsCountEveryoneByKindAndInAll) {
  auto all = records(60, Arm::kRecent, "++--", "+---", "----");
  all.push_back({0, 60, "at", Arm::kNested, true});
  const auto rows = rows_of(all);
  ASSERT_EQ(rows.size(), 7U);
  EXPECT_EQ(rows[0].kind, "all");
  EXPECT_EQ(rows[0].arm, Arm::kNested);
  EXPECT_EQ(rows[0].share.count, 5U);
  EXPECT_DOUBLE_EQ(rows[0].share.percent, 60);
}

}  // namespace
}  // namespace m3::eval
