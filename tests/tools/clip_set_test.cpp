// Frames and windows of clips, as examples are made of them.
#include "tools/dataset/clip_set.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/made_video.h"
#include "tools/m3_train/example_source.h"

namespace m3::dataset {
namespace {

using Json = nlohmann::json;
using test::error_of;

class Clips : public testing::Test {
 protected:
  void write(const std::string& name, const std::vector<Json>& lines) const {
    std::filesystem::create_directories(folder_.path() + "/clips");
    std::ofstream file(folder_.path() + "/" + name);
    for (const Json& line : lines) file << line.dump() << "\n";
  }
  // A clip of four seconds and what can be asked about it.
  void write_clip() const {
    write("clips/questions.jsonl", {{{"video", "ball.mp4"},
                                     {"question", "What is it?"},
                                     {"answer", "a ball"},
                                     {"type", "object"},
                                     {"t0", nullptr},
                                     {"t1", nullptr}},
                                    {{"video", "ball.mp4"},
                                     {"question", "Is it there now?"},
                                     {"answer", "yes"},
                                     {"type", "presence"},
                                     {"t0", 1.0},
                                     {"t1", 2.5}}});
    std::filesystem::create_symlink(test::ball_video(), folder_.path() + "/clips/ball.mp4");
  }
  std::string clips() const { return folder_.path() + "/clips"; }

  const test::TemporaryFolder folder_;
};

TEST_F(Clips, HaveAFrameForEverySecond) {
  write_clip();
  const ClipSet clips(this->clips());
  ASSERT_EQ(clips.size(), 5u);
  std::set<std::vector<uint8_t>> pictures;
  std::set<std::string> keys;
  for (const size_t number : {2, 0, 1, 3}) {
    const Image image = clips.load(number);
    EXPECT_EQ(image.width_px, 320);
    EXPECT_EQ(image.height_px, 240);
    pictures.insert(image.rgb);
    keys.insert(clips.key(number));
  }
  EXPECT_EQ(pictures.size(), 4u);  // the ball has moved
  EXPECT_EQ(keys.size(), 4u);
  EXPECT_EQ(clips.load(2).rgb, clips.load(2).rgb);
}

TEST_F(Clips, AreAskedAboutWhenTheAnswerHolds) {
  write_clip();
  const ClipSet clips(this->clips());
  std::set<int> now;
  for (uint64_t n = 0; n < 200; ++n) {
    Random random(1, n);
    const ClipSet::Window window = clips.window({}, 6, random);
    ASSERT_FALSE(window.frames.empty());
    ASSERT_EQ(window.questions.size(), 1u);  // the two never hold at the same second
    for (const auto& frame : window.frames)
      EXPECT_EQ(frame.picture, static_cast<size_t>(frame.second));
    const int second = window.frames.back().second;
    if (window.questions[0].kind == "presence") {
      now.insert(second);
    } else {
      EXPECT_EQ(second, 4);
    }
  }
  EXPECT_EQ(now, (std::set<int>{1, 2}));
}

TEST_F(Clips, BelongToAFoldersExamples) {
  write_clip();
  write("annotations.jsonl", {{{"file", "a.jpg"}, {"label", "piano"}},
                              {{"file", "b.jpg"}, {"label", "lobster"}},
                              {{"file", "c.jpg"}, {"label", "anchor"}}});
  const auto source = train::make_examples(folder_.path(), 1, {});
  const size_t all = source->pictures().size();
  int from_clips = 0;
  for (uint64_t n = 0; n < 1000; ++n) {
    const TrainingExample example = source->example(n);
    if (example.frames.empty() || example.frames[0].picture < all - 5) continue;
    ++from_clips;
    EXPECT_TRUE(example.turns[0].answer == "a ball" || example.turns[0].answer == "yes");
  }
  EXPECT_NEAR(from_clips, 43, 30);
  EXPECT_EQ(source->pictures().load(all - 1).width_px, 320);
}

TEST_F(Clips, NameWhatIsWrong) {
  write("clips/questions.jsonl",
        {{{"video", "none.mp4"}, {"question", "Q"}, {"answer", "A"}, {"type", "object"}}});
  EXPECT_EQ(error_of([&] { ClipSet{clips()}; }).code(), ErrorCode::kNotFound);
  write("clips/questions.jsonl", {{{"video", "none.mp4"},
                                   {"question", "Q"},
                                   {"answer", "A"},
                                   {"type", "object"},
                                   {"t1", "soon"}}});
  const Error error = error_of([&] { ClipSet{clips()}; });
  EXPECT_NE(std::string(error.what()).find("questions.jsonl:1: \"t1\""), std::string::npos);
  write("clips/questions.jsonl",
        {{{"video", "text.mp4"}, {"question", "Q"}, {"answer", "A"}, {"type", "object"}}});
  std::ofstream(clips() + "/text.mp4") << "hello";
  EXPECT_EQ(error_of([&] { ClipSet{clips()}; }).code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace m3::dataset
