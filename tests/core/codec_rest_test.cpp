#include "core/codec_rest.h"

#include <gtest/gtest.h>

#include <random>

namespace m3 {
namespace {

constexpr int64_t kMs = 1'000'000;

// What a codec tells of frame `i` of a still 720p camera: a little noise in everything.
class Camera {
 public:
  CodecMotion still() {
    CodecMotion motion;
    motion.type = i_ % 3 == 0 ? PictureType::kPredicted : PictureType::kBidirectional;
    motion.packet_bytes = (i_ % 3 == 0 ? 2000U : 700U) + random_() % 100;
    motion.has_vectors = true;
    motion.width_px = 1280;
    motion.height_px = 720;
    motion.cell_px = 32;
    motion.columns = 40;
    motion.rows = 23;
    for (auto& cell : motion.cells) {
      cell.predicted = 255;
      cell.speed = random_() % 20 == 0 ? 1 : 0;
    }
    ++i_;
    return motion;
  }

 private:
  std::minstd_rand random_{1};
  int i_ = 0;
};

// A stream that is looked at as m3motion does.
struct Stream {
  CodecRest rest;
  Camera camera;
  int64_t now_ns = 0;
  int64_t step_ns = 40 * kMs;

  // Whether the next frame was looked at.
  bool push(CodecMotion motion, bool moves = false) {
    const bool looked = !rest.rests(motion, now_ns);
    if (looked) rest.learn(moves);
    now_ns += step_ns;
    return looked;
  }
  bool push_still() { return push(camera.still()); }
  int looked_at(int frames) {
    int looked = 0;
    for (int i = 0; i < frames; ++i) looked += push_still();
    return looked;
  }
};

TEST(CodecRest, LooksAtEveryFrameUntilRestIsKnown) {
  Stream stream;
  EXPECT_EQ(stream.looked_at(75), 75);
}

TEST(CodecRest, PassesMostFramesAtRest) {
  Stream stream;
  stream.looked_at(100);
  const int looked = stream.looked_at(1000);
  EXPECT_LT(looked, 350);
  EXPECT_GT(looked, 200) << "two in a row after each quarter of a second";
}

TEST(CodecRest, NoStretchThatIsPassedIsLongerThanAQuarterOfASecondAndAFrame) {
  for (const int64_t step : {10 * kMs, 33 * kMs, 40 * kMs, 100 * kMs, 500 * kMs}) {
    Stream stream;
    stream.step_ns = step;
    stream.looked_at(400);
    int64_t last_ns = stream.now_ns;
    int in_a_row = 2;  // where it begins is not known
    for (int i = 0; i < 300; ++i) {
      const int64_t at_ns = stream.now_ns;
      if (stream.push_still()) {
        EXPECT_LE(at_ns - last_ns, 250 * kMs + 2 * step) << step;
        last_ns = at_ns;
        ++in_a_row;
      } else {
        EXPECT_NE(in_a_row, 1) << "looks come in twos, " << step;
        in_a_row = 0;
      }
    }
  }
}

TEST(CodecRest, LooksAtOnceWhereACellMoves) {
  Stream stream;
  stream.looked_at(200);
  for (int i = 0; i < 3; ++i) {
    CodecMotion motion = stream.camera.still();
    motion.cells[300].speed = 2 * MotionCell::kUnitsPerPixel;
    EXPECT_TRUE(stream.push(motion)) << i;
  }
}

TEST(CodecRest, LooksWhereAPartWasCodedAnewOrThePacketIsLarge) {
  Stream stream;
  stream.looked_at(200);
  CodecMotion anew = stream.camera.still();
  for (int i = 0; i < 8; ++i) anew.cells[static_cast<size_t>(500 + i)].predicted = 0;
  EXPECT_TRUE(stream.push(anew));
  stream.looked_at(50);
  CodecMotion large = stream.camera.still();
  large.packet_bytes *= 3;
  EXPECT_TRUE(stream.push(large));
}

TEST(CodecRest, KeepsLookingForAWhileAfterSomethingMoved) {
  Stream stream;
  stream.looked_at(200);
  CodecMotion motion = stream.camera.still();
  motion.packet_bytes *= 3;
  EXPECT_TRUE(stream.push(motion, true));
  EXPECT_EQ(stream.looked_at(12), 12);  // half a second
  EXPECT_LT(stream.looked_at(50), 25);
}

TEST(CodecRest, PicturesThatTellNothingAreLookedAt) {
  Stream stream;
  stream.looked_at(200);
  for (const PictureType type : {PictureType::kIntra, PictureType::kUnknown}) {
    CodecMotion motion = stream.camera.still();
    motion.type = type;
    EXPECT_TRUE(stream.push(motion)) << to_string(type);
  }
  CodecMotion motion = stream.camera.still();
  motion.packet_bytes = 0;
  EXPECT_TRUE(stream.push(motion));
  EXPECT_TRUE(!stream.rest.rests(stream.camera.still(), kNoTime));
}

TEST(CodecRest, PacketSizesAloneAreEnough) {
  Stream stream;
  const auto without_vectors = [&] {
    CodecMotion motion = stream.camera.still();
    motion.has_vectors = false;
    motion.columns = motion.rows = 0;
    return motion;
  };
  for (int i = 0; i < 100; ++i) stream.push(without_vectors());
  int looked = 0;
  for (int i = 0; i < 300; ++i) looked += stream.push(without_vectors());
  EXPECT_LT(looked, 120);
}

TEST(CodecRest, AJumpInTimeForgetsTheCamera) {
  for (const int64_t jump_ns : {-2000 * kMs, 5000 * kMs}) {
    Stream stream;
    stream.looked_at(200);
    stream.now_ns += jump_ns;
    EXPECT_EQ(stream.looked_at(50), 50);
  }
}

}  // namespace
}  // namespace m3
