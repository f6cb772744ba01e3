#include "core/model/stop_strings.h"

#include <gtest/gtest.h>

#include <utility>

namespace m3 {
namespace {

TEST(StopStrings, WithoutStopsEverythingIsShownAtOnce) {
  StopStrings stops({"", ""});
  EXPECT_EQ(stops.push("abc"), "abc");
  EXPECT_FALSE(stops.found());
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStrings, HoldsBackWhatMayBecomeAStop) {
  StopStrings stops({"User:"});
  EXPECT_EQ(stops.push("A red car. Us"), "A red car. ");
  EXPECT_EQ(stops.push("e"), "");
  EXPECT_EQ(stops.push("d it. U"), "Used it. ");
  EXPECT_EQ(stops.finish(), "U");
}

TEST(StopStrings, CutsTheStopAndAllBehindIt) {
  StopStrings stops({"User:"});
  EXPECT_EQ(stops.push("yes\nUse"), "yes\n");
  EXPECT_EQ(stops.push("r: more"), "");
  EXPECT_TRUE(stops.found());
  EXPECT_EQ(stops.push("anything"), "");
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStrings, TheStopThatIsCompleteFirstWins) {
  StopStrings stops({"cd", "bcdef", "abc"});
  EXPECT_EQ(stops.push("xabcdef"), "x");
  EXPECT_TRUE(stops.found());
}

TEST(StopStrings, OfStopsThatEndTogetherTheLongestIsCut) {
  StopStrings stops({"\n", "\n\n."});
  EXPECT_EQ(stops.push("a\n\n."), "a");
  StopStrings nested({".", "..."});
  EXPECT_EQ(nested.push("a..."), "a");
  StopStrings same_end({"b", "aab"});
  EXPECT_EQ(same_end.push("xaab"), "x");
}

TEST(StopStrings, TheCutsBetweenPiecesMakeNoDifference) {
  const std::vector<std::string> stops = {"aab", "baa", "abab"};
  for (const std::string text : {"aaaab", "abaabab", "bbaab", "ababab", "aaba", "abba", "bab"}) {
    StopStrings whole(stops);
    std::string expected = whole.push(text);
    expected += whole.finish();
    for (unsigned cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
      StopStrings pieces(stops);
      std::string shown;
      std::string piece;
      for (size_t i = 0; i < text.size(); ++i) {
        piece += text[i];
        if (i + 1 == text.size() || (cuts >> i & 1) != 0)
          shown += pieces.push(std::exchange(piece, {}));
      }
      shown += pieces.finish();
      ASSERT_EQ(shown, expected) << text << " " << cuts;
      ASSERT_EQ(pieces.found(), whole.found());
    }
  }
}

}  // namespace
}  // namespace m3
