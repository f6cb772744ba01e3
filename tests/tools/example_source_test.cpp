// The examples that a folder gives.
#include "tools/m3_train/example_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3::train {
namespace {

using Json = nlohmann::json;
using test::error_of;

const std::vector<int> kLadder = {1, 9, 36, 144};

std::string text_of(const TrainingExample& example) {
  std::string text;
  for (const TrainingFrame& frame : example.frames) {
    text += std::to_string(frame.picture) + "@" + std::to_string(frame.scale) + "/" +
            (frame.second ? std::to_string(*frame.second) : "-") + " ";
  }
  for (const TrainingTurn& turn : example.turns)
    text += "\n" + turn.kind + " " + turn.question + " " + turn.answer;
  return text;
}

class Examples : public testing::Test {
 protected:
  void write(const std::string& lines) const {
    std::ofstream(folder_.path() + "/annotations.jsonl") << lines;
  }
  // Fifty pictures of one's own, with no more than a file and what it shows.
  void write_fifty(const std::string& split_of_last_ten = "") const {
    static const std::vector<std::string> kLabels = {"cat", "door", "parcel", "bird", "hedgehog"};
    std::string lines;
    for (int i = 0; i < 50; ++i) {
      Json line = {{"file", "p" + std::to_string(i) + ".jpg"}, {"label", kLabels[i % 5]}};
      if (i >= 40 && !split_of_last_ten.empty()) line["split"] = split_of_last_ten;
      lines += line.dump() + "\n";
    }
    write(lines);
  }
  std::unique_ptr<ExampleSource> source(uint64_t seed = 1) const {
    return make_examples(folder_.path(), seed, {kLadder});
  }

  const test::TemporaryFolder folder_;
};

TEST_F(Examples, DependOnFolderSeedAndNumberAlone) {
  write_fifty();
  const auto a = source();
  const auto b = source();
  const auto other = source(2);
  EXPECT_EQ(text_of(a->example(900)), text_of(b->example(900)));  // whatever was asked before
  std::set<std::string> seen;
  int different = 0;
  for (uint64_t n = 0; n < 100; ++n) {
    EXPECT_EQ(text_of(a->example(n)), text_of(b->example(n)));
    different += text_of(a->example(n)) != text_of(other->example(n)) ? 1 : 0;
    seen.insert(text_of(a->example(n)));
  }
  EXPECT_GT(different, 90);
  EXPECT_GT(seen.size(), 95u);
}

TEST_F(Examples, AreSinglePicturesWindowsAndPlainText) {
  write_fifty();
  const auto all = source();
  int texts = 0, pictures = 0, windows = 0;
  for (uint64_t n = 0; n < 1000; ++n) {
    const TrainingExample example = all->example(n);
    ASSERT_FALSE(example.turns.empty());
    EXPECT_LE(example.turns.size(), 6u);
    if (example.frames.empty()) {
      ++texts;
      EXPECT_EQ(example.turns[0].kind, "chat");
    } else if (example.frames[0].second) {
      ++windows;
      for (const TrainingFrame& frame : example.frames) {
        EXPECT_LT(frame.picture, all->pictures().size());
        EXPECT_NE(std::find(kLadder.begin(), kLadder.end(), frame.scale), kLadder.end());
      }
    } else {
      ++pictures;
      EXPECT_EQ(example.frames.size(), 1u);
      EXPECT_EQ(example.frames[0].scale, 0);
    }
  }
  EXPECT_NEAR(texts, 50, 30);
  EXPECT_NEAR(windows, 430, 120);
  EXPECT_NEAR(pictures, 520, 120);
}

TEST_F(Examples, AskYesAndNoEquallyOften) {
  write_fifty();
  const auto all = source();
  std::map<std::string, std::pair<int, int>> counts;
  for (uint64_t n = 0; n < 6000; ++n) {
    for (const TrainingTurn& turn : all->example(n).turns) {
      if (turn.answer == "yes") ++counts[turn.kind].first;
      if (turn.answer == "no") ++counts[turn.kind].second;
    }
  }
  for (const char* kind : {"presence", "now", "ever"}) {
    const auto [yes, no] = counts[kind];
    EXPECT_GT(yes + no, 300) << kind;
    EXPECT_NEAR(static_cast<double>(yes) / (yes + no), 0.5, 0.08) << kind;
  }
}

TEST_F(Examples, NeverShowThePicturesOfTheSplitVal) {
  write_fifty("val");
  const auto all = source();
  for (size_t i = 0; i < all->pictures().size(); ++i) {
    const std::string key = all->pictures().key(i);
    for (int val = 40; val < 50; ++val)
      EXPECT_EQ(key.find("p" + std::to_string(val) + ".jpg"), std::string::npos);
  }
}

TEST_F(Examples, HoldOutPicturesOfALargeFolder) {
  std::string lines;
  for (int i = 0; i < 3000; ++i) {
    lines +=
        Json{{"file", "p" + std::to_string(i) + ".jpg"}, {"label", i % 2 == 0 ? "cat" : "piano"}}
            .dump() +
        "\n";
  }
  write(lines);
  const auto all = source();
  const auto held_out = all->held_out();
  ASSERT_GE(held_out.size(), 32u);
  std::set<size_t> spared;
  for (const TrainingExample& example : held_out) {
    for (const TrainingFrame& frame : example.frames) spared.insert(frame.picture);
  }
  for (uint64_t n = 0; n < 2000; ++n) {
    for (const TrainingFrame& frame : all->example(n).frames)
      EXPECT_FALSE(spared.contains(frame.picture));
  }
}

TEST_F(Examples, KnowWhatAPictureShows) {
  write_fifty();
  const auto all = source();
  EXPECT_EQ(all->gist(0), "cat");
  EXPECT_EQ(all->gist(50), "") << "its mirror image";
  EXPECT_EQ(all->gist(all->pictures().size() - 1), "");
}

TEST_F(Examples, NameTheLineThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {R"({"label":"cat"})", "\"file\" is missing"},
      {R"({"file":"b.jpg","label":3})", "\"label\" is not a text"},
      {R"({"file":"b.jpg","split":"test"})", "\"split\" is neither"},
      {R"({"file":"b.jpg","objects":[{"label":"cat","box":[1,2,3,4]}]})", "needs the picture's"},
      {R"({"file":"b.jpg","width":9,"height":9,"objects":[{"label":"cat","box":[20,0,3,3]}]})",
       "lies outside"},
      {R"({"file":"b.jpg","width":0,"height":9})", "\"width\" is not from 1"},
      {"{", "not JSON"},
  };
  for (const auto& [line, what] : faults) {
    write("{\"file\":\"a.jpg\",\"label\":\"cat\"}\n" + line + "\n");
    const Error error = error_of([&] { source(); });
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_NE(std::string(error.what()).find("annotations.jsonl:2: "), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

TEST_F(Examples, SayWhenThereIsNothingToLearn) {
  EXPECT_EQ(error_of([&] { source(); }).code(), ErrorCode::kNotFound);
  write("{\"file\":\"a.jpg\"}\n");
  EXPECT_EQ(error_of([&] { source(); }).code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace m3::train
