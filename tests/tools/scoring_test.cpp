// What m3-eval calls right, and how sure its figures are.
#include "tools/m3_eval/scoring.h"

#include <gtest/gtest.h>

#include "tools/m3_eval/share.h"

namespace m3::eval {
namespace {

SetQuestion about(const std::string& question, const std::string& answer,
                  std::vector<std::string> accept = {}) {
  SetQuestion made;
  made.question = question;
  made.answer = answer;
  made.accept = std::move(accept);
  made.kind = "kind";
  return made;
}

// Whether `answer` is right where the answers to other questions of its kind are `others`.
bool right(const SetQuestion& question, const std::string& answer,
           const std::vector<std::string>& others = {}) {
  std::vector<SetQuestion> all = {question};
  for (const std::string& other : others) all.push_back(about("?", other));
  return Scoring(all).is_right(question, answer);
}

TEST(Scoring, DropsCaseArticlesAndPunctuationAndCountsInNumerals) {
  EXPECT_EQ(normalise("The TWO red cars, and none."), (Words{"2", "red", "cars", "and", "0"}));
  EXPECT_EQ(normalise("at 2.5 s."), (Words{"at", "2.5", "s"}));
  EXPECT_EQ(normalise("ÉCOLE d'été"), (Words{"école", "d", "été"}));
  EXPECT_EQ(normalise("red\xff"), (Words{"red\xff"}));  // not UTF-8: left as it is
  EXPECT_EQ(normalise(""), Words{});
}

TEST(Scoring, TakesTheAnswerItselfAndWhatIsAccepted) {
  const SetQuestion side = about("Where?", "on the left", {"left"});
  EXPECT_TRUE(right(side, "On the left."));
  EXPECT_TRUE(right(side, "left"));
  EXPECT_FALSE(right(side, "right"));
  EXPECT_FALSE(right(side, ""));
}

TEST(Scoring, TakesTheAnswerWithinASentenceAsWholeWordsOnly) {
  EXPECT_TRUE(right(about("What?", "car"), "I see a car."));
  EXPECT_FALSE(right(about("What?", "car"), "I see a carpet."));
}

TEST(Scoring, RefusesASentenceThatAlsoNamesAnotherAnswer) {
  const SetQuestion object = about("What?", "car");
  EXPECT_FALSE(right(object, "a car or a dog", {"dog"}));
  EXPECT_TRUE(right(object, "a car or a dog", {"cat"}));
  // "car" is a part of the right answer, so naming it says nothing against it.
  EXPECT_TRUE(right(about("What?", "police car"), "it is a police car", {"car"}));
}

TEST(Scoring, RefusesBothSidesOfAChoice) {
  const SetQuestion choice = about("Is it a red one or a gray one?", "red");
  EXPECT_TRUE(right(choice, "the red one"));
  EXPECT_FALSE(right(choice, "a red one and a gray one"));
}

TEST(Scoring, TakesATimeWithinItsTolerance) {
  SetQuestion when = about("When?", "at 12 seconds");
  when.seconds = 12;
  when.tolerance = 0.5;
  EXPECT_TRUE(right(when, "at 12.5 s"));
  EXPECT_FALSE(right(when, "at 12.6 s"));
  EXPECT_FALSE(right(when, "at noon"));
}

TEST(Share, IsTheMeanOverQuestions) {
  const Share share = share_of({{0, 1}, {0, 0}, {1, 1}, {2, 1}});
  EXPECT_DOUBLE_EQ(share.percent, 75);
  EXPECT_EQ(share.count, 4u);
}

TEST(Share, HasNoDoubtWhereAllPicturesAgree) {
  const Share share = share_of({{0, 1}, {1, 1}, {2, 1}});
  EXPECT_DOUBLE_EQ(share.low, 100);
  EXPECT_DOUBLE_EQ(share.high, 100);
}

TEST(Share, OfIndependentPicturesHasTheIntervalOfACoin) {
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < 400; ++i) outcomes.push_back({i, i % 2 == 0 ? 1.0 : 0.0});
  const Share share = share_of(outcomes);
  // 1.96 standard deviations of 2.5 points.
  EXPECT_NEAR(share.low, 50 - 4.9, 0.8);
  EXPECT_NEAR(share.high, 50 + 4.9, 0.8);
}

TEST(Share, IsLessSureWhenQuestionsShareTheirPictures) {
  std::vector<Outcome> alone;
  std::vector<Outcome> shared;
  for (size_t i = 0; i < 400; ++i) {
    alone.push_back({i, i % 2 == 0 ? 1.0 : 0.0});
    shared.push_back({i / 10, i / 10 % 2 == 0 ? 1.0 : 0.0});
  }
  const Share few = share_of(shared);
  const Share many = share_of(alone);
  EXPECT_GT(few.high - few.low, 2 * (many.high - many.low));
}

TEST(Share, OfNothingIsNothing) { EXPECT_EQ(share_of({}).count, 0u); }

}  // namespace
}  // namespace m3::eval
