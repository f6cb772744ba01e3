// m3avdec against the stock decoders: the same pictures at the same times, codec by codec.
#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "tests/plugins/avdec/clips.h"

namespace m3::test {
namespace {

class AvdecPeers : public testing::TestWithParam<Clip> {
 protected:
  void SetUp() override {
    std::string why;
    if (!can_make_clips(&why)) GTEST_SKIP() << why;
  }
};

std::string name_of(const testing::TestParamInfo<Clip>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

void expect_equal(const Decoded& ours, const Decoded& peers) {
  EXPECT_EQ(ours.errors, std::vector<std::string>());
  EXPECT_EQ(ours.warnings, std::vector<std::string>());
  EXPECT_TRUE(ours.ended);
  ASSERT_EQ(ours.shown.size(), peers.shown.size());
  ASSERT_GT(ours.shown.size(), 15U);
  for (size_t i = 0; i < ours.shown.size(); ++i) {
    EXPECT_EQ(ours.shown[i].pixels, peers.shown[i].pixels) << "picture " << i;
    EXPECT_EQ(ours.shown[i].pts, peers.shown[i].pts) << "picture " << i;
    EXPECT_EQ(ours.shown[i].duration, peers.shown[i].duration) << "picture " << i;
    EXPECT_EQ(ours.shown[i].flags, peers.shown[i].flags) << "picture " << i;
    EXPECT_TRUE(ours.shown[i].has_meta) << "picture " << i;
  }
}

TEST_P(AvdecPeers, ShowsTheSamePicturesAtTheSameTimes) {
  const Clip& clip = GetParam();
  const Decoded peers = decode(path_of(clip), clip.head, clip.peer);
  const Decoded copied = decode(path_of(clip), clip.head, "m3avdec");
  expect_equal(copied, peers);
  // libaom's element tells no colorimetry.
  if (std::string(clip.peer) != "av1dec") {
    EXPECT_EQ(copied.caps, peers.caps);
  }
  EXPECT_FALSE(copied.read_only);

  const Decoded wrapped = decode(path_of(clip), clip.head, "m3avdec", {.any_layout = true});
  expect_equal(wrapped, peers);
  EXPECT_EQ(wrapped.caps, copied.caps);
}

INSTANTIATE_TEST_SUITE_P(Clips, AvdecPeers, testing::ValuesIn(kClips), name_of);

}  // namespace
}  // namespace m3::test
