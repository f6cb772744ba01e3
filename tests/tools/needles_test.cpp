#include "tools/m3_eval/needles.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/error_of.h"

namespace m3::eval {
namespace {

std::vector<dataset::AnnotatedPicture> pictures_of(const std::vector<std::string>& labels,
                                                   int each) {
  std::vector<dataset::AnnotatedPicture> pictures;
  for (const std::string& label : labels) {
    for (int number = 0; number < each; ++number) {
      dataset::AnnotatedPicture picture;
      picture.file = label + std::to_string(number) + ".jpg";
      picture.label = label;
      pictures.push_back(picture);
    }
  }
  return pictures;
}

const std::vector<std::string> kLabels = {"anchor", "boat", "car",  "dog",    "engine", "fox",
                                          "goat",   "hat",  "iron", "jacket", "kite",   "lamp"};

TEST(Needles, EveryNameIsAskedForWhereItIsAndInVainAlike) {
  const auto pictures = pictures_of(kLabels, 2);
  const auto haystacks = hide_needles(pictures, 24, 10, 5, 1);
  std::map<std::string, int> there;
  std::map<std::string, int> in_vain;
  std::set<std::string> first;
  size_t needles = 0;
  for (const Haystack& haystack : haystacks) {
    EXPECT_LE(haystack.needles.size(), kNeedlesAHaystack);
    for (const Needle& needle : haystack.needles) {
      if (needles++ < kLabels.size()) first.insert(needle.picture->label);
      ASSERT_EQ(needle.questions.size(), 3U);
      EXPECT_EQ(needle.questions[0].question, "Did you see " + needle.questions[2].answer + "?");
      EXPECT_EQ(needle.questions[0].answer, "yes");
      EXPECT_EQ(needle.questions[1].answer, "no");
      EXPECT_EQ(needle.questions[2].question, "What was in view at 10 seconds?");
      EXPECT_NE(needle.questions[2].answer.find(needle.picture->label), std::string::npos);
      ++there[needle.questions[0].question];
      ++in_vain[needle.questions[1].question];
    }
  }
  EXPECT_EQ(needles, 24U);
  EXPECT_EQ(first.size(), kLabels.size()) << "a name came again before all had come";
  EXPECT_EQ(there.size(), kLabels.size());
  EXPECT_EQ(there, in_vain) << "a name gives the answer away";
}

TEST(Needles, TheVideoShowsNothingThatIsAskedFor) {
  auto pictures = pictures_of(kLabels, 3);
  for (dataset::AnnotatedPicture& picture : pictures) {
    if (picture.label == "dog") picture.objects.push_back({"hat", "", std::nullopt});
  }
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const Haystack& haystack : hide_needles(pictures, 12, 10, 7, seed)) {
      EXPECT_EQ(haystack.video.size(), 7U);
      for (const Needle& needle : haystack.needles) {
        for (const dataset::AnnotatedPicture* other : haystack.video) {
          for (const std::string& name : other->names()) {
            for (const SetQuestion& question : needle.questions) {
              EXPECT_EQ(question.question.find(" " + name + "?"), std::string::npos)
                  << question.question << " of " << other->file;
            }
          }
        }
      }
    }
  }
}

TEST(Needles, AreTheSameForTheSameSeed) {
  const auto pictures = pictures_of(kLabels, 2);
  const auto files = [&](uint64_t seed) {
    std::vector<std::string> all;
    for (const Haystack& haystack : hide_needles(pictures, 8, 10, 4, seed)) {
      for (const Needle& needle : haystack.needles) all.push_back(needle.picture->file);
      for (const auto* scene : haystack.video) all.push_back(scene->file);
    }
    return all;
  };
  EXPECT_EQ(files(3), files(3));
  EXPECT_NE(files(3), files(4));
}

TEST(Needles, FourNamesAreEnoughAndThreeAreNot) {
  const auto four = hide_needles(pictures_of({"car", "dog", "boat", "tree"}, 1), 4, 10, 3, 1);
  EXPECT_EQ(four.size(), 4U);
  const Error error = test::error_of([] {
    hide_needles(pictures_of({"car", "dog", "boat"}, 5), 4, 10, 3, 1);
  });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace m3::eval
