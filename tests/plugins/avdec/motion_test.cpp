// What m3avdec tells about the coding of each frame.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/plugins/avdec/clips.h"
#include "tests/plugins/avdec/packets.h"

namespace m3::test {
namespace {

// A still texture, twice as wide as the picture, that is looked at 4 pixels further right and 2
// further down in each frame: what is shown moves to the left and up.
#define M3_PAN                                                   \
  "-f lavfi -i color=gray:s=60x34:r=25:d=1.2 -vf "               \
  "noise=alls=90:allf=u:all_seed=7,scale=480:272:flags=bicubic," \
  "crop=176:144:4*n:2*n -pix_fmt yuv420p "

const Clip kPans[] = {
    {"pan_h264.mp4", M3_PAN "-c:v libx264 -crf 18 -bf 0 @", "qtdemux ! h264parse", ""},
    {"pan_h264_b.mp4",
     M3_PAN "-c:v libx264 -crf 18 -bf 2 -b_strategy 0 -x264-params b-pyramid=none @",
     "qtdemux ! h264parse", ""},
    {"pan_mpeg4.avi", M3_PAN "-c:v mpeg4 -q:v 3 -bf 0 @", "avidemux", ""},
    {"pan_mpeg4_b.avi", M3_PAN "-c:v mpeg4 -q:v 3 -bf 2 @", "avidemux", ""},
    {"pan_mpeg2.ts", M3_PAN "-c:v mpeg2video -q:v 3 -bf 2 @", "tsdemux ! mpegvideoparse", ""},
};

class AvdecMotion : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!can_make_clips(&why)) GTEST_SKIP() << why;
  }
};
class AvdecPan : public AvdecMotion, public testing::WithParamInterface<Clip> {};

int16_t median(std::vector<int16_t> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

TEST_P(AvdecPan, VectorsTellThePanInPixelsAFrame) {
  const Decoded decoded =
      decode(path_of(GetParam()), GetParam().head, "m3avdec", {.keep_motion = true});
  ASSERT_EQ(decoded.shown.size(), 30U);
  const bool is_mpeg4 = std::string(GetParam().name).starts_with("pan_mpeg4");
  uint64_t with_vectors = 0;
  int told = 0;
  for (size_t i = 0; i < decoded.shown.size(); ++i) {
    const CodecMotion& codec = decoded.shown[i].codec;
    // FFmpeg has no vectors of B pictures of MPEG-4.
    const bool expected = codec.type == PictureType::kPredicted ||
                          (codec.type == PictureType::kBidirectional && !is_mpeg4);
    ASSERT_EQ(codec.has_vectors, expected) << "frame " << i;
    if (!codec.has_vectors) continue;
    ++with_vectors;
    ASSERT_EQ(codec.width_px, 176);
    ASSERT_EQ(codec.height_px, 144);
    ASSERT_EQ(codec.columns * codec.rows, 11 * 9);
    // How far apart I and P pictures are is known after the first ones, and not at the end.
    if (i < 4 || i >= 26) continue;
    std::vector<int16_t> dx;
    std::vector<int16_t> dy;
    for (int cell = 0; cell < codec.columns * codec.rows; ++cell) {
      if (codec.cells[cell].predicted < 128) continue;
      dx.push_back(codec.cells[cell].dx);
      dy.push_back(codec.cells[cell].dy);
    }
    ASSERT_GT(dx.size(), 50U) << "frame " << i;
    EXPECT_NEAR(median(dx), -4 * MotionCell::kUnitsPerPixel, 2) << "frame " << i;
    EXPECT_NEAR(median(dy), -2 * MotionCell::kUnitsPerPixel, 2) << "frame " << i;
    ++told;
  }
  EXPECT_GE(told, 5);
  EXPECT_EQ(decoded.count("vector-frames"), with_vectors);
}

INSTANTIATE_TEST_SUITE_P(Clips, AvdecPan, testing::ValuesIn(kPans), [](const auto& info) {
  const std::string name = info.param.name;
  return name.substr(0, name.find('.'));
});

TEST_F(AvdecMotion, EveryCodecTellsPictureTypeAndPacketSize) {
  for (const Clip& clip : kClips) {
    const Decoded decoded = decode(path_of(clip), clip.head, "m3avdec", {.keep_motion = true});
    ASSERT_GT(decoded.shown.size(), 0U) << clip.name;
    uint64_t bytes = 0;
    for (const Shown& shown : decoded.shown) {
      EXPECT_NE(shown.codec.type, PictureType::kUnknown) << clip.name;
      EXPECT_GT(shown.codec.packet_bytes, 0U) << clip.name;
      bytes += shown.codec.packet_bytes;
    }
    EXPECT_EQ(decoded.shown[0].codec.type, PictureType::kIntra) << clip.name;
    EXPECT_TRUE(decoded.shown[0].codec.key_frame) << clip.name;
    if (decoded.count("unshown") == 0) {
      EXPECT_EQ(bytes, decoded.count("packet-bytes")) << clip.name;
    }
  }
}

TEST_F(AvdecMotion, BFramesAreToldAndSmallerThanKeyFrames) {
  const Clip& bframes = clip("h264_bframes.mp4");
  const Decoded decoded = decode(path_of(bframes), bframes.head, "m3avdec", {.keep_motion = true});
  int b = 0;
  for (const Shown& shown : decoded.shown) {
    if (shown.codec.type != PictureType::kBidirectional) continue;
    ++b;
    EXPECT_LT(shown.codec.packet_bytes, decoded.shown[0].codec.packet_bytes);
  }
  EXPECT_GT(b, 20);
}

TEST_F(AvdecMotion, VectorsAreLeftOutWhenTurnedOff) {
  const Clip& pan = kPans[0];
  const Decoded decoded =
      decode(path_of(pan), pan.head, "m3avdec motion-vectors=off", {.keep_motion = true});
  ASSERT_EQ(decoded.shown.size(), 30U);
  for (const Shown& shown : decoded.shown) {
    EXPECT_FALSE(shown.codec.has_vectors);
    EXPECT_EQ(shown.codec.columns, 0);
    EXPECT_GT(shown.codec.packet_bytes, 0U);
  }
  EXPECT_EQ(decoded.count("vector-frames"), 0U);
}

TEST_F(AvdecMotion, AskedForWhereTheCodecHasNoneWarnsOnce) {
  const Clip& vp9 = clip("vp9_odd.webm");
  const Decoded decoded = decode(path_of(vp9), vp9.head, "m3avdec motion-vectors=on");
  EXPECT_EQ(decoded.shown.size(), 50U);
  ASSERT_EQ(decoded.warnings.size(), 1U);
  EXPECT_NE(decoded.warnings[0].find("no motion vectors of vp9"), std::string::npos);
  EXPECT_EQ(decode(path_of(vp9), vp9.head, "m3avdec").warnings.size(), 0U);
}

TEST_F(AvdecMotion, MetaSurvivesCopiesConversionAndResizingWithItsGrid) {
  const Clip& pan = kPans[0];
  const Decoded plain = decode(path_of(pan), pan.head, "m3avdec", {.keep_motion = true});
  const Decoded resized = decode(path_of(pan),
                                 std::string(pan.head) +
                                     " ! m3avdec ! queue ! videoconvertscale ! "
                                     "video/x-raw, format=RGB, width=64, height=48 ! queue",
                                 "identity", {.keep_motion = true});
  ASSERT_EQ(resized.shown.size(), plain.shown.size());
  for (size_t i = 0; i < plain.shown.size(); ++i) {
    ASSERT_TRUE(resized.shown[i].has_meta);
    EXPECT_EQ(resized.shown[i].codec.width_px, plain.shown[i].codec.width_px);
    EXPECT_EQ(resized.shown[i].codec.packet_bytes, plain.shown[i].codec.packet_bytes);
    EXPECT_EQ(resized.shown[i].codec.cell(5, 4).dx, plain.shown[i].codec.cell(5, 4).dx);
  }
}

}  // namespace
}  // namespace m3::test
