#include "core/codec_motion.h"

#include <string>

#include <gtest/gtest.h>

namespace m3 {
namespace {

MotionBlock macroblock(int column, int row, float dx_px, float dy_px, bool from_later = false) {
  return {column * 16 + 8, row * 16 + 8, 16, 16, dx_px, dy_px, from_later};
}

TEST(ReferenceOrder, FramesAfterAReferenceAreAsFarFromItAsTheyWereShownLater) {
  ReferenceOrder order;
  order.next(PictureType::kIntra);
  EXPECT_EQ(order.next(PictureType::kBidirectional).earlier, 1);
  EXPECT_EQ(order.next(PictureType::kBidirectional).earlier, 2);
  EXPECT_EQ(order.next(PictureType::kPredicted).earlier, 3);
  EXPECT_EQ(order.next(PictureType::kPredicted).earlier, 1);
}

TEST(ReferenceOrder, TheNextReferenceIsExpectedAfterAsManyFramesAsTheLastOne) {
  ReferenceOrder order;
  order.next(PictureType::kIntra);
  EXPECT_EQ(order.next(PictureType::kBidirectional).later, 1);  // nothing is known yet
  order.next(PictureType::kBidirectional);
  order.next(PictureType::kPredicted);
  EXPECT_EQ(order.next(PictureType::kBidirectional).later, 2);
  EXPECT_EQ(order.next(PictureType::kBidirectional).later, 1);
  EXPECT_EQ(order.next(PictureType::kBidirectional).later, 1);  // longer than expected
}

TEST(ReferenceOrder, ForgetsTheStreamWhenReset) {
  ReferenceOrder order;
  for (int i = 0; i < 3; ++i) order.next(PictureType::kPredicted);
  order.next(PictureType::kBidirectional);
  order.next(PictureType::kBidirectional);
  order.reset();
  EXPECT_EQ(order.next(PictureType::kPredicted).earlier, 1);
}

TEST(MotionGrid, CellsAreTheSmallestMacroblockMultiplesThatFit) {
  struct Case {
    int width_px, height_px, cell_px, columns, rows;
  };
  for (const Case& c :
       {Case{320, 240, 16, 20, 15}, Case{1280, 720, 32, 40, 23}, Case{1920, 1080, 48, 40, 23},
        Case{3840, 2160, 96, 40, 23}, Case{17, 1, 16, 2, 1}, Case{16384, 16384, 512, 32, 32}}) {
    MotionGrid grid;
    CodecMotion motion;
    grid.begin(c.width_px, c.height_px, {});
    grid.finish(motion);
    EXPECT_EQ(motion.cell_px, c.cell_px) << c.width_px;
    EXPECT_EQ(motion.columns, c.columns) << c.width_px;
    EXPECT_EQ(motion.rows, c.rows) << c.width_px;
    EXPECT_LE(motion.columns * motion.rows, CodecMotion::kMaxCells);
    EXPECT_TRUE(motion.has_vectors);
  }
}

TEST(MotionGrid, WhatWasFurtherLeftInAnEarlierPictureMovesToTheRight) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(64, 48, {});
  grid.add(macroblock(2, 1, -3.0f, 4.0f));
  grid.finish(motion);
  EXPECT_EQ(motion.cell(2, 1).dx, 3 * 16);
  EXPECT_EQ(motion.cell(2, 1).dy, -4 * 16);
  EXPECT_EQ(motion.cell(2, 1).speed, 5 * 16);
  EXPECT_EQ(motion.cell(2, 1).predicted, 255);
  EXPECT_EQ(motion.cell(0, 0).speed, 0);
  EXPECT_EQ(motion.cell(0, 0).predicted, 0);
}

TEST(MotionGrid, BothDirectionsOfABidirectionalBlockTellTheSameMotionAFrame) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(16, 16, {.earlier = 2, .later = 1});
  grid.add(macroblock(0, 0, -4.0f, 0.0f));
  grid.add(macroblock(0, 0, 2.0f, 0.0f, true));
  grid.finish(motion);
  EXPECT_EQ(motion.cell(0, 0).dx, 2 * 16);
  EXPECT_EQ(motion.cell(0, 0).speed, 2 * 16);
  EXPECT_EQ(motion.cell(0, 0).predicted, 255);
}

TEST(MotionGrid, OppositeMotionsCancelInTheMeanButNotInTheSpeed) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(1280, 720, {});  // cells of 32 pixels
  grid.add(macroblock(0, 0, 6.0f, 0.0f));
  grid.add(macroblock(1, 0, -6.0f, 0.0f));
  grid.finish(motion);
  EXPECT_EQ(motion.cell(0, 0).dx, 0);
  EXPECT_EQ(motion.cell(0, 0).speed, 6 * 16);
  EXPECT_EQ(motion.cell(0, 0).predicted, 255 / 2);
}

TEST(MotionGrid, BlocksWeighAsMuchAsTheirArea) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(16, 16, {});
  grid.add({4, 8, 8, 16, -4.0f, 0.0f, false});
  grid.add({12, 4, 8, 8, 0.0f, 0.0f, false});
  grid.finish(motion);
  EXPECT_EQ(motion.cell(0, 0).dx, 43);  // 4 * 128 / 192 pixels in sixteenths, rounded
  EXPECT_EQ(motion.cell(0, 0).predicted, 255 * 3 / 4);
}

TEST(MotionGrid, TheLastCellsAreMeasuredByTheMacroblocksThatThePictureHas) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(1280, 720, {});  // 45 rows of macroblocks: the last row of cells is half a cell high
  grid.add(macroblock(0, 44, 1.0f, 0.0f));
  grid.add(macroblock(1, 44, 1.0f, 0.0f));
  grid.finish(motion);
  EXPECT_EQ(motion.cell(0, 22).predicted, 255);
}

TEST(MotionGrid, BlocksOutsideOrOverTheEdgeDoNoHarm) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(20, 15, {});
  for (int x = -40; x <= 60; ++x) {
    for (int y = -40; y <= 60; ++y) {
      for (const int side : {0, 4, 8, 12, 16, 64, 255}) {
        grid.add({x, y, side, side, 1e9f, -1e9f, x % 2 == 0});
      }
    }
  }
  grid.finish(motion);
  EXPECT_EQ(motion.columns * motion.rows, 2);
  EXPECT_EQ(motion.cell(1, 0).predicted, 255);
}

TEST(MotionGrid, MotionBeyondTheRangeOfACellIsItsLargest) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(16, 16, {});
  grid.add(macroblock(0, 0, -9999.0f, 9999.0f));
  grid.finish(motion);
  EXPECT_EQ(motion.cell(0, 0).dx, 32767);
  EXPECT_EQ(motion.cell(0, 0).dy, -32768);
  EXPECT_EQ(motion.cell(0, 0).speed, 65535);
}

TEST(MotionGrid, ANewFrameForgetsTheOneBefore) {
  MotionGrid grid;
  CodecMotion motion;
  grid.begin(32, 16, {});
  grid.add(macroblock(1, 0, 8.0f, 8.0f));
  grid.finish(motion);
  grid.begin(32, 16, {});
  grid.finish(motion);
  EXPECT_EQ(motion.cell(1, 0).speed, 0);
  EXPECT_EQ(motion.cell(1, 0).predicted, 0);
}

TEST(PictureType, IsNamedByItsLetter) {
  EXPECT_EQ(std::string(to_string(PictureType::kIntra)), "I");
  EXPECT_EQ(std::string(to_string(PictureType::kBidirectional)), "B");
  EXPECT_EQ(std::string(to_string(PictureType::kUnknown)), "unknown");
}

}  // namespace
}  // namespace m3
