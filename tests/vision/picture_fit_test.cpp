#include "core/picture_fit.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/vision/image_file.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"

namespace m3 {
namespace {

using test::error_of;

std::string golden(const std::string& name) {
  return std::string(M3_GOLDEN_DIR) + "/llava/" + name;
}

std::vector<uint8_t> fitted(const FrameView& frame, const PictureFit& fit) {
  std::vector<uint8_t> out(size_t{3} * static_cast<size_t>(fit.size_px * fit.size_px), 7);
  PictureFitter().run(frame, fit, out);
  return out;
}

// The largest difference between a fixture's picture, fitted, and what Hugging Face's code made.
int largest_difference(const std::string& name, const PictureFit& fit) {
  const Image wanted = read_image(golden(name) + "/pixels.png");
  const FrameView view = wanted.view();
  const std::vector<uint8_t> found = fitted(read_image(golden(name) + "/picture.png").view(), fit);
  int largest = 0;
  for (int row = 0; row < fit.size_px; ++row) {
    for (int byte = 0; byte < 3 * fit.size_px; ++byte) {
      const int one = view.planes[0].data[row * view.planes[0].stride_bytes + byte];
      const int other = found[static_cast<size_t>(row * 3 * fit.size_px + byte)];
      largest = std::max(largest, std::abs(one - other));
    }
  }
  return largest;
}

PictureFit cropped(int size) { return {PictureFit::Kind::kCrop, size, size, {}}; }

TEST(PictureFit, TheMiddleOfAPictureIsHuggingFacesToOneStep) {
  EXPECT_LE(largest_difference("tied", cropped(336)), 1);
  EXPECT_LE(largest_difference("biased", cropped(64)), 1);
}

TEST(PictureFit, APictureOnASquareIsHuggingFacesToOneStep) {
  const PictureFit fit{PictureFit::Kind::kPadded, 336, 336, {122, 116, 104}};
  EXPECT_LE(largest_difference("grouped", fit), 1);
}

TEST(PictureFit, APictureOfTheRightSizeArrivesAsItIs) {
  test::Picture picture(PixelFormat::kRgb, 8, 8, 5);
  picture.fill(0, [](int byte, int row) { return byte * 7 + row; });
  const std::vector<uint8_t> found = fitted(picture.view(), cropped(8));
  EXPECT_EQ(found[0], 0);
  EXPECT_EQ(found[1], 7);
  EXPECT_EQ(found[3 * 8 * 7 + 2], 21);
}

TEST(PictureFit, WhatACropMissesIsBlack) {
  test::Picture picture(PixelFormat::kRgb, 4, 4);
  picture.fill(0, [](int, int) { return 200; });
  PictureFit fit = cropped(8);
  fit.shortest_edge_px = 4;
  const std::vector<uint8_t> found = fitted(picture.view(), fit);
  EXPECT_EQ(found[0], 0);
  EXPECT_EQ(found[3 * (8 * 2 + 2)], 200);
  EXPECT_EQ(found[3 * (8 * 5 + 5)], 200);
  EXPECT_EQ(found[3 * (8 * 6 + 6)], 0);
}

TEST(PictureFit, AVideoFrameIsPaddedWithTheSameColour) {
  for (const PixelFormat format : {PixelFormat::kI420, PixelFormat::kNv12}) {
    test::Picture picture(format, 16, 8);
    picture.fill_luma(235);
    const PictureFit fit{PictureFit::Kind::kPadded, 16, 16, {122, 116, 104}};
    const std::vector<uint8_t> found = fitted(picture.view(), fit);
    for (int channel = 0; channel < 3; ++channel) {
      EXPECT_NEAR(found[static_cast<size_t>(channel)], fit.background[static_cast<size_t>(channel)],
                  2);
      EXPECT_EQ(found[static_cast<size_t>(3 * (16 * 8 + 8) + channel)], 255);  // the frame's middle
      EXPECT_NEAR(found[static_cast<size_t>(3 * 16 * 15 + channel)],
                  fit.background[static_cast<size_t>(channel)], 2);
    }
  }
}

TEST(PictureFit, AThreadOfAFrameIsRefused) {
  test::Picture picture(PixelFormat::kRgb, 2000, 1);
  const Error error = error_of([&] { fitted(picture.view(), cropped(336)); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(std::string(error.what()).find("2000x1"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace m3
