// What examples for training are made of: views of pictures that were put together, names that are
// denied, and questions about windows.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tools/dataset/composer.h"
#include "tools/dataset/film.h"
#include "tools/dataset/picture_list.h"
#include "tools/dataset/picture_questions.h"
#include "tools/dataset/stream_maker.h"
#include "tools/dataset/vocabulary.h"
#include "tools/dataset/window_questions.h"

namespace m3::dataset {
namespace {

AnnotatedPicture picture(const std::string& file, std::vector<AnnotatedObject> objects,
                         const std::string& label = "") {
  AnnotatedPicture made;
  made.file = file;
  made.label = label;
  made.objects = std::move(objects);
  made.width_px = 200;
  made.height_px = 100;
  return made;
}

AnnotatedObject boxed(const std::string& label, Box box, const std::string& colour = "") {
  return {label, colour, box};
}

// A folder of streets and classes, some hundred pictures.
std::vector<AnnotatedPicture> street() {
  static const std::vector<std::string> kThings = {"car", "person", "dog", "bicycle"};
  std::vector<AnnotatedPicture> pictures;
  Random random(1);
  for (int i = 0; i < 120; ++i) {
    std::vector<AnnotatedObject> objects;
    for (int k = 0; k < 1 + i % 3; ++k) {
      objects.push_back(boxed(kThings[random.below(1 + random.below(4))],
                              {0.3 * k + 0.02, random.between(0.0, 0.5), 0.25, 0.45},
                              i % 2 == 0 ? "red" : ""));
    }
    pictures.push_back(picture("street" + std::to_string(i) + ".jpg", objects));
    pictures.back().source = "street";
  }
  for (int i = 0; i < 60; ++i) {
    pictures.push_back(picture("class" + std::to_string(i) + ".jpg", {},
                               i % 3 == 0   ? "piano"
                               : i % 3 == 1 ? "lobster"
                                            : "anchor"));
    pictures.back().source = "classes";
  }
  return pictures;
}

std::vector<View> views_of(const std::vector<AnnotatedPicture>& pictures) {
  std::vector<View> views;
  for (const AnnotatedPicture& one : pictures) views.push_back(view_of(one));
  return views;
}

TEST(Recipe, AMirrorImageSwapsTheSides) {
  const std::vector<AnnotatedPicture> pictures = {
      picture("a.jpg", {boxed("car", {0, 0, 0.25, 0.5})})};
  Recipe mirrored = whole(0);
  mirrored.layers[0].mirrored = true;
  const View view = view_of(mirrored, pictures);
  ASSERT_EQ(view.things.size(), 1u);
  EXPECT_EQ(view.things[0].box, (Box{0.75, 0, 0.25, 0.5}));
  EXPECT_EQ(side_of(view.things[0]), Side::kRight);
}

TEST(Recipe, AMirrorImageKeepsOnlyCaptionsThatTellNoSide) {
  std::vector<AnnotatedPicture> pictures = {picture("a.jpg", {})};
  pictures[0].captions = {"A dog on the left.", "A dog."};
  Recipe mirrored = whole(0);
  mirrored.layers[0].mirrored = true;
  EXPECT_EQ(view_of(mirrored, pictures).captions, std::vector<std::string>{"A dog."});
}

TEST(Recipe, APartShowsWhatLiesInIt) {
  const std::vector<AnnotatedPicture> pictures = {
      picture("a.jpg", {boxed("car", {0.1, 0.1, 0.2, 0.2}), boxed("dog", {0.7, 0.1, 0.2, 0.2}),
                        boxed("cat", {0.45, 0.5, 0.1, 0.2})})};
  Recipe part;
  part.layers.push_back({0, {0, 0, 0.5, 1}});
  const View view = view_of(part, pictures);
  EXPECT_EQ(view.names(), std::set<std::string>{"car"});
  EXPECT_NEAR(view.things[0].box.x, 0.2, 1e-9);
  EXPECT_NEAR(view.things[0].box.width, 0.4, 1e-9);
  // The cat is cut through: nobody can say whether it is there. The dog is gone.
  EXPECT_EQ(view.unsure, std::set<std::string>{"cat"});
}

TEST(Recipe, WhatALaterLayerCoversIsNotSeen) {
  const std::vector<AnnotatedPicture> pictures = {
      picture("a.jpg", {boxed("car", {0.1, 0.1, 0.2, 0.2}), boxed("dog", {0.7, 0.1, 0.2, 0.2})}),
      picture("b.jpg", {}, "piano")};
  Recipe recipe = whole(0);
  recipe.layers.push_back({1, Box{}, {0, 0, 0.5, 0.5}, false, true, "piano"});
  EXPECT_EQ(view_of(recipe, pictures).names(), (std::set<std::string>{"dog", "piano"}));
}

TEST(Recipe, KeysTellPicturesApartAndStayTheSame) {
  const std::vector<AnnotatedPicture> pictures = {picture("a.jpg", {}), picture("b.jpg", {})};
  const std::vector<AnnotatedPicture> others = {picture("z.jpg", {}), picture("a.jpg", {})};
  Recipe mirrored = whole(0);
  mirrored.layers[0].mirrored = true;
  Recipe same = whole(1);
  same.layers[0].mirrored = true;
  EXPECT_NE(key_of(whole(0), pictures, "/nowhere"), key_of(mirrored, pictures, "/nowhere"));
  EXPECT_EQ(key_of(mirrored, pictures, "/nowhere"), key_of(same, others, "/nowhere"));
}

TEST(View, ItsGistIsTheLargestThingsWithTheirColoursEachWordOnce) {
  View view;
  EXPECT_EQ(gist_of(view), "");
  const auto add = [&](const char* label, const char* colour, double side) {
    Thing thing;
    thing.label = label;
    thing.colour = colour;
    thing.box = {0, 0, side, side};
    view.things.push_back(thing);
  };
  add("car", "red", 0.2);
  add("bus", "", 0.5);
  add("car", "red", 0.3);
  EXPECT_EQ(gist_of(view), "bus red car");
  add("yard", "", 0.1);
  view.label = "yard";
  EXPECT_EQ(gist_of(view), "yard bus red car") << "what the picture shows as a whole comes first";
  for (int i = 0; i < 9; ++i) add("dog", "black", 0.4);
  EXPECT_EQ(gist_of(view), "yard bus black dog") << "four things at most";
}

TEST(Vocabulary, DeniesEachNameAsOftenAsItAffirmsIt) {
  const std::vector<AnnotatedPicture> pictures = street();
  const std::vector<View> views = views_of(pictures);
  const Vocabulary vocabulary(pictures, views);
  std::map<std::string, std::pair<int, int>> counts;
  std::pair<int, int> all;
  Random random(3);
  for (int i = 0; i < 60'000; ++i) {
    const auto question = presence_question(random.one_of(views), vocabulary, "", random);
    if (!question || question->about.find(' ') != std::string::npos) continue;
    const bool yes = question->answer == "yes";
    (yes ? counts[question->about].first : counts[question->about].second) += 1;
    (yes ? all.first : all.second) += 1;
  }
  EXPECT_NEAR(static_cast<double>(all.first) / (all.first + all.second), 0.5, 0.02);
  EXPECT_EQ(counts.size(), 7u);
  for (const auto& [name, yes_and_no] : counts) {
    const auto [yes, no] = yes_and_no;
    EXPECT_NEAR(static_cast<double>(yes) / (yes + no), 0.5, 0.07)
        << name << " " << yes << " " << no;
  }
}

TEST(Vocabulary, DeniesOnlyWhatCanBeKnownToBeMissing) {
  std::vector<AnnotatedPicture> pictures = street();
  pictures.push_back(picture("own.jpg", {boxed("person", {0, 0, 0.5, 0.5})}));
  pictures.back().source = "yard";
  pictures.back().complete = true;
  pictures.push_back(picture("some.jpg", {boxed("person", {0, 0, 0.5, 0.5})}));
  pictures.back().source = "street";
  pictures.back().complete = false;
  const Vocabulary vocabulary(pictures, views_of(pictures));
  const View yard = view_of(pictures[pictures.size() - 2]);
  const View some = view_of(pictures.back());
  const View a_class = view_of(pictures[120]);
  const View a_street = view_of(pictures[0]);
  EXPECT_FALSE(vocabulary.may_deny("car", yard));     // its source boxes people only
  EXPECT_FALSE(vocabulary.may_deny("piano", yard));   // and speaks for nothing else
  EXPECT_FALSE(vocabulary.may_deny("car", some));     // there may be more than is listed
  EXPECT_FALSE(vocabulary.may_deny("car", a_class));  // nobody looked for cars there
  EXPECT_TRUE(vocabulary.may_deny("lobster", a_class));
  EXPECT_TRUE(vocabulary.may_deny("piano", a_street));
}

TEST(Vocabulary, DoesNotDenyWhatASeenThingCouldBeTakenFor) {
  EXPECT_TRUE(Vocabulary::are_related("bus", "truck"));
  EXPECT_TRUE(Vocabulary::are_related("flamingo", "flamingo head"));
  EXPECT_FALSE(Vocabulary::are_related("dog", "car"));
}

TEST(PictureQuestions, AreTrueToTheAnnotations) {
  const std::vector<AnnotatedPicture> pictures = {picture(
      "a.jpg",
      {boxed("car", {0.02, 0.1, 0.2, 0.2}, "red"), boxed("car", {0.7, 0.1, 0.2, 0.2}, "blue"),
       boxed("dog", {0.42, 0.5, 0.1, 0.2}), boxed("cat", {0.5, 0.9, 0.01, 0.01})})};
  const View view = view_of(pictures[0]);
  const Vocabulary vocabulary(pictures, {view});
  std::set<std::string> counts, colours, places, scenes;
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    for (const QuestionAnswer& made : picture_questions(view, vocabulary, 6, "", random)) {
      const std::string answer = made.about + ": " + made.answer;
      if (made.kind == "count") counts.insert(answer);
      if (made.kind == "colour") colours.insert(answer);
      if (made.kind == "where") places.insert(answer);
      if (made.kind == "scene") scenes.insert(made.answer);
      EXPECT_NE(made.about, "cat");  // too small to be told
    }
  }
  EXPECT_EQ(counts, (std::set<std::string>{"car: two", "dog: one"}));
  EXPECT_EQ(colours, (std::set<std::string>{"car on the left: red", "car on the right: blue"}));
  EXPECT_EQ(places, std::set<std::string>{"dog: in the middle"});
  EXPECT_EQ(scenes, std::set<std::string>{"two cars and one dog"});
}

TEST(PictureQuestions, ManyAreNotCounted) {
  std::vector<AnnotatedObject> cars;
  for (int i = 0; i < 6; ++i) cars.push_back(boxed("car", {i * 0.15, 0.1, 0.12, 0.2}));
  const std::vector<AnnotatedPicture> pictures = {picture("a.jpg", cars)};
  const View view = view_of(pictures[0]);
  const Vocabulary vocabulary(pictures, {view});
  Random random(1);
  const auto question = count_question(view, vocabulary, "", random);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->answer, "many");
  EXPECT_EQ(scene_of(view), "several cars");
}

class Windows : public testing::Test {
 protected:
  // The questions that come up, by "kind question" and answer.
  std::map<std::string, std::string> asked(const Watched& watched) {
    std::map<std::string, std::string> all;
    for (uint64_t i = 0; i < 600; ++i) {
      Random random(7, i);
      for (const QuestionAnswer& made :
           window_questions(watched, vocabulary_, vocabulary_, 8, random)) {
        const auto [found, is_new] = all.emplace(made.kind + " " + made.question, made.answer);
        EXPECT_EQ(found->second, made.answer) << made.question;
      }
    }
    return all;
  }

  const std::vector<AnnotatedPicture> pictures_ = street();
  const Vocabulary vocabulary_{pictures_, views_of(pictures_)};
  const View piano_ = view_of(pictures_[120]);
  const View lobster_ = view_of(pictures_[121]);
  const View anchor_ = view_of(pictures_[122]);
};

TEST_F(Windows, TellWhatWasThereWhenAndInWhichOrder) {
  const auto all = asked({{{&piano_, 5, 0}, {&lobster_, 9, 1}, {&anchor_, 14, 2}}, {}, false});
  EXPECT_EQ(all.at("order What came first?"), "a piano");
  EXPECT_EQ(all.at("order What came after the lobster?"), "an anchor");
  EXPECT_EQ(all.at("when When did the lobster appear?"), "at 9 seconds");
  EXPECT_EQ(all.at("at What was there at 5 seconds?"), "a piano");
  EXPECT_EQ(all.at("at What was there at 12 seconds?"), "a lobster");
  EXPECT_EQ(all.at("change What just changed?"), "an anchor came into view");
  EXPECT_EQ(all.at("ever Did you see a piano?"), "yes");
  EXPECT_EQ(all.at("now Is there a piano now?"), "no");
  EXPECT_EQ(all.at("now Is there an anchor now?"), "yes");
  EXPECT_EQ(all.at("count How many times did a lobster appear?"), "one");
}

TEST_F(Windows, SayThatNothingChanged) {
  const auto all = asked({{{&piano_, 5, 0}, {&piano_, 9, 0}}, {}, false});
  EXPECT_EQ(all.at("change What just changed?"), "nothing");
  EXPECT_EQ(all.at("when When did the piano appear?"), "at 5 seconds");
}

TEST_F(Windows, NeitherAffirmNorDenyWhatTheWindowForgot) {
  const auto all = asked({{{&lobster_, 9, 1}, {&anchor_, 14, 2}}, {&piano_}, false});
  EXPECT_FALSE(all.contains("ever Did you see a piano?"));
  EXPECT_FALSE(all.contains("order What came first?"));
  EXPECT_EQ(all.at("when When did the lobster appear?"), "at 9 seconds");
}

TEST(PictureListTest, IsTheSameInEveryRunAndKnowsItsCameras) {
  const PictureList a("/nowhere", street(), {1, true, 200});
  const PictureList b("/nowhere", street(), {1, true, 200});
  ASSERT_EQ(a.size(), b.size());
  EXPECT_GE(a.size(), 2 * 180u + 190);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a.key(i), b.key(i)) << i;
  EXPECT_GT(a.cameras().size(), 5u);
  const PictureList other("/nowhere", street(), {2, true, 200});
  EXPECT_NE(a.key(a.size() - 1), other.key(other.size() - 1));
}

TEST(PictureListTest, RareColoursAreDrawnMoreOftenThanTheyCome) {
  std::vector<AnnotatedPicture> pictures;
  for (int i = 0; i < 100; ++i) {
    AnnotatedPicture picture;
    picture.file = std::to_string(i) + ".jpg";
    picture.source = "yard";
    picture.objects = {boxed("car", {0.1, 0.1, 0.3, 0.3}, i == 0 ? "green" : "white")};
    pictures.push_back(picture);
  }
  const PictureList list("/nowhere", pictures, {1, false, 0});
  Random random(4);
  int green = 0;
  for (int i = 0; i < 10000; ++i) green += list.any(random) == 0 ? 1 : 0;
  // One in a hundred of those drawn from all, and one in eleven of the fifth drawn by colour.
  EXPECT_NEAR(green, 80 + 182, 70);
}

TEST(MadeWindow, KeepsToItsTokensNewestFineOldestCoarse) {
  const PictureList pictures("/nowhere", street(), {1, true, 200});
  WindowOptions options;
  options.most_visual_tokens = 150;
  double oldest = 0;
  double newest = 0;
  for (uint64_t n = 0; n < 500; ++n) {
    Random random(5, n);
    const MadeWindow made = make_window(pictures, options, random);
    ASSERT_FALSE(made.frames.empty());
    ASSERT_EQ(made.frames.size(), made.watched.moments.size());
    int tokens = 0;
    for (size_t i = 0; i < made.frames.size(); ++i) {
      const auto& frame = made.frames[i];
      tokens += frame.scale;
      EXPECT_TRUE(std::count(options.ladder.begin(), options.ladder.end(), frame.scale) == 1);
      if (i == 0) continue;
      EXPECT_GT(frame.second, made.frames[i - 1].second);
    }
    EXPECT_LE(tokens, 150);
    if (made.frames.size() < 3) continue;
    oldest += made.frames.front().scale;
    newest += made.frames.back().scale;
  }
  EXPECT_GT(newest, 1.5 * oldest);
}

TEST(MadeWindow, OfALongStreamHoldsTensOfFrames) {
  const PictureList pictures("/nowhere", street(), {1, true, 200});
  WindowOptions options;
  options.long_share = 1;
  options.long_pictures = 50;
  size_t most = 0;
  for (uint64_t n = 0; n < 100; ++n) {
    Random random(6, n);
    const MadeWindow made = make_window(pictures, options, random);
    int tokens = 0;
    for (const auto& frame : made.frames) tokens += frame.scale;
    EXPECT_LE(tokens, options.most_visual_tokens);
    EXPECT_GT(made.frames.back().second, made.frames.front().second);
    most = std::max(most, made.frames.size());
  }
  EXPECT_GT(most, 40);
}

TEST(GroupsTest, SmallOnesComeUpMoreOftenThanTheirSizeSays) {
  Groups<int> groups;
  for (int i = 0; i < 100; ++i) groups.add("large", i);
  groups.add("small", 100);
  groups.close();
  Random random(3);
  int small = 0;
  for (int i = 0; i < 10000; ++i) small += groups.member(random) == 100 ? 1 : 0;
  EXPECT_NEAR(small, 10000 / 11, 120);  // root of 1 beside root of 100
}

TEST(FilmTest, KnowsWhatItShowsAndWhen) {
  const std::vector<AnnotatedPicture> pictures = street();
  const Composer composer(pictures);
  const Film film(composer, pictures, "/nowhere", 120, 4);
  ASSERT_GT(film.stands().size(), 5u);
  EXPECT_GE(film.seconds(), 120);
  bool any_change = false;
  for (size_t i = 1; i < film.stands().size(); ++i) {
    const Film::Stand& stand = film.stands()[i];
    EXPECT_EQ(stand.change_begin, film.stands()[i - 1].end);
    EXPECT_GE(stand.end - stand.begin, 2);
    EXPECT_EQ(stand.begin > stand.change_begin, !stand.cut);
    any_change |= !stand.cut;
  }
  EXPECT_TRUE(any_change);
  EXPECT_EQ(film.watched(3).moments.size(), 4u);
  EXPECT_EQ(film.watched(3).one_camera, !film.stands()[3].cut);
}

}  // namespace
}  // namespace m3::dataset
