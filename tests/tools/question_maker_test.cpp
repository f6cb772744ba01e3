// Questions made from annotations.
#include "tools/m3_eval/question_maker.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tools/dataset/noun.h"
#include "tools/dataset/view.h"

namespace m3::eval {
namespace {

using namespace m3::dataset;  // NOLINT: annotations and nouns

using test::error_of;

constexpr Box kLeft{0.1, 0.1, 0.2, 0.2};
constexpr Box kMiddle{0.4, 0.1, 0.2, 0.2};
constexpr Box kRight{0.7, 0.1, 0.2, 0.2};

AnnotatedPicture picture(int number, std::vector<AnnotatedObject> objects, std::string label = "") {
  AnnotatedPicture made;
  made.file = std::to_string(number) + ".jpg";
  made.label = std::move(label);
  made.objects = std::move(objects);
  return made;
}

std::vector<SetQuestion> of_kind(const std::vector<SetQuestion>& all, const std::string& kind) {
  std::vector<SetQuestion> found;
  for (const SetQuestion& question : all) {
    if (question.kind == kind) found.push_back(question);
  }
  return found;
}

// Half the pictures show a car, half a dog.
std::vector<AnnotatedPicture> cars_and_dogs(int count) {
  std::vector<AnnotatedPicture> pictures;
  for (int i = 0; i < count; ++i)
    pictures.push_back(picture(i, {{i % 2 == 0 ? "car" : "dog", "", std::nullopt}}));
  return pictures;
}

TEST(QuestionMaker, AsksForEachNameAsOftenInVainAsWithSuccess) {
  std::map<std::string, int> lead;  // of yes over no, by name
  for (const SetQuestion& question : of_kind(make_questions(cars_and_dogs(40), 1), "presence")) {
    const std::string name = question.question.find("car") != std::string::npos ? "car" : "dog";
    lead[name] += question.answer == "yes" ? 1 : -1;
  }
  EXPECT_EQ(lead, (std::map<std::string, int>{{"car", 0}, {"dog", 0}}));
}

TEST(QuestionMaker, DeniesOnlyWhatTheSourceLabelsAndTheListIsCompleteFor) {
  std::vector<AnnotatedPicture> pictures = cars_and_dogs(40);
  for (size_t i = 0; i < pictures.size(); ++i) {
    if (i % 2 == 1) pictures[i].source = "dogs only";  // cars were not looked for there
    if (i % 4 == 0) pictures[i].complete = false;
  }
  // Nobody can deny "car" then, so it is not asked for; "dog" is denied nowhere, either.
  EXPECT_TRUE(of_kind(make_questions(pictures, 1), "presence").empty());
}

TEST(QuestionMaker, CountsWhatIsListedInWords) {
  const std::vector<AnnotatedPicture> pictures = {
      picture(0, {{"person", "", {}}, {"person", "", {}}}), picture(1, {{"person", "", {}}})};
  std::map<std::string, std::string> answers;
  for (const SetQuestion& question : of_kind(make_questions(pictures, 1), "count")) {
    EXPECT_EQ(question.question.find("How many people "), 0u) << question.question;
    answers[question.file] = question.answer;
  }
  EXPECT_EQ(answers, (std::map<std::string, std::string>{{"0.jpg", "two"}, {"1.jpg", "one"}}));
}

TEST(QuestionMaker, AsksForColourAndPlaceOfWhatIsThereOnce) {
  const auto made =
      make_questions({picture(0, {{"car", "red", kLeft}}), picture(1, {{"car", "blue", kRight}}),
                      picture(2, {{"bus", "red", kLeft}, {"bus", "blue", kRight}})},
                     1);
  ASSERT_EQ(of_kind(made, "colour").size(), 2u);  // one of the two that are red
  for (const SetQuestion& question : of_kind(made, "colour"))
    EXPECT_NE(question.question.find(" is the "), std::string::npos) << question.question;
  ASSERT_EQ(of_kind(made, "where").size(), 2u);
  EXPECT_EQ(of_kind(made, "where")[1].answer, "on the right");
  EXPECT_EQ(of_kind(made, "where")[1].accept, std::vector<std::string>{"right"});
}

TEST(QuestionMaker, LetsNoAnswerBeMoreThanHalfOfAKind) {
  std::vector<AnnotatedPicture> pictures;
  for (int i = 0; i < 30; ++i)
    pictures.push_back(picture(i, {{"car", "", i < 4 ? kLeft : kMiddle}}));
  std::map<std::string, int> answers;
  for (const SetQuestion& question : of_kind(make_questions(pictures, 1), "where"))
    ++answers[question.answer];
  EXPECT_EQ(answers, (std::map<std::string, int>{{"in the middle", 4}, {"on the left", 4}}));
}

TEST(QuestionMaker, MakesTheSameForTheSameSeed) {
  const auto texts = [](uint64_t seed) {
    std::string all;
    for (const SetQuestion& question : some_of(make_questions(cars_and_dogs(60), seed), 20, seed))
      all += to_json_line(question);
    return all;
  };
  EXPECT_EQ(texts(1), texts(1));
  EXPECT_NE(texts(1), texts(2));
}

TEST(QuestionMaker, SomeOfThemAreThoseOfWholePictures) {
  const auto all = make_questions(cars_and_dogs(60), 1);
  EXPECT_EQ(some_of(all, 20, 1).size(), 20u);
  EXPECT_EQ(some_of(all, 0, 1).size(), all.size());
}

TEST(Noun, KnowsPluralsAndArticles) {
  EXPECT_EQ(plural_of("car"), "cars");
  EXPECT_EQ(plural_of("police bus"), "police buses");
  EXPECT_EQ(plural_of("person"), "people");
  EXPECT_EQ(plural_of("butterfly"), "butterflies");
  EXPECT_EQ(plural_of("key"), "keys");
  EXPECT_EQ(with_article("airplane"), "an airplane");
  EXPECT_EQ(with_article("scissors"), "scissors");
  EXPECT_EQ(count_word(0), "none");
  EXPECT_EQ(count_word(13), "13");
}

class Annotations : public testing::Test {
 protected:
  std::string folder(const std::string& lines) const {
    std::ofstream(folder_.path() + "/annotations.jsonl") << lines;
    return folder_.path();
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Annotations, ReadTheSplitAndWhereThingsAre) {
  const auto pictures = read_annotations(
      folder(R"({"file":"a.jpg","width":300,"height":100,"label":"background","objects":[)"
             R"({"label":"car","box":[0,0,100,50],"color":"red"},)"
             R"({"label":"dog","box":[130,0,40,50]},{"label":"cat","box":[100,0,40,50]}]})"
             "\n"
             R"({"file":"b.jpg","split":"train"})"),
      "val");
  ASSERT_EQ(pictures.size(), 1u);
  EXPECT_EQ(pictures[0].label, "");
  const View view = view_of(pictures[0]);
  ASSERT_EQ(view.things.size(), 3u);
  EXPECT_EQ(view.things[0].colour, "red");
  EXPECT_EQ(side_of(view.things[0]), Side::kLeft);
  EXPECT_EQ(side_of(view.things[1]), Side::kMiddle);
  EXPECT_EQ(side_of(view.things[2]), std::nullopt);  // on the line between left and middle
}

TEST_F(Annotations, NameTheLineThatIsWrong) {
  const std::string bad = folder("{\"file\":\"a.jpg\"}\n{\"file\":\"b.jpg\",\"objects\":3}\n");
  const Error error = error_of([&] { read_annotations(bad, "val"); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_NE(std::string(error.what()).find("annotations.jsonl:2: \"objects\" is not a list"),
            std::string::npos)
      << error.what();
}

TEST_F(Annotations, SayWhatIsMissing) {
  const Error error = error_of([&] { read_annotations(folder_.path(), "val"); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_NE(std::string(error.what()).find("holds no annotations.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace m3::eval
