#include "core/crop_choice.h"

#include <gtest/gtest.h>

#include "tests/support/picture.h"

namespace m3 {
namespace {

using test::Picture;

Heat hot(int left, int top, int width, int height, uint8_t share = 200) {
  Heat heat{};
  for (int y = top; y < top + height; ++y) {
    for (int x = left; x < left + width; ++x) heat[y * kSignatureColumns + x] = share;
  }
  return heat;
}

Heat both(const Heat& a, const Heat& b) {
  Heat sum = a;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] = std::max(a[i], b[i]);
  return sum;
}

TEST(CropChoice, NothingWhereNothingMovesOrHardlyAnything) {
  EXPECT_EQ(choose_crop(Heat{}), std::nullopt);
  EXPECT_EQ(choose_crop(hot(10, 10, 1, 1, 20)), std::nullopt);
}

TEST(CropChoice, SomethingSmallIsInTheMiddleOfAQuarterOfEachSide) {
  const auto part = choose_crop(hot(16, 9, 1, 1));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->side, 0.25F);
  EXPECT_NEAR(part->left + part->side / 2, 16.5 / 32, 1e-5);
  EXPECT_NEAR(part->top + part->side / 2, 9.5 / 18, 1e-5);
}

TEST(CropChoice, StaysInTheFrame) {
  const auto corner = choose_crop(hot(31, 17, 1, 1));
  ASSERT_TRUE(corner);
  EXPECT_EQ(*corner, (FramePart{0.75F, 0.75F, 0.25F}));
  const auto other = choose_crop(hot(0, 0, 1, 1));
  ASSERT_TRUE(other);
  EXPECT_EQ(*other, (FramePart{0, 0, 0.25F}));
}

TEST(CropChoice, GrowsWithWhatMovesUpToHalfOfEachSide) {
  const auto middle = choose_crop(hot(8, 6, 6, 2));
  ASSERT_TRUE(middle);
  EXPECT_NEAR(middle->side, 2 * 6 / 32.0, 1e-5);
  const auto large = choose_crop(hot(8, 2, 4, 9));
  ASSERT_TRUE(large);
  EXPECT_EQ(large->side, 0.5F);
  EXPECT_EQ(choose_crop(hot(2, 2, 17, 4)), std::nullopt) << "seen well in the whole frame";
}

TEST(CropChoice, OfSeveralThingsTheSmallOneThatMovesMost) {
  const Heat far_person = hot(28, 3, 1, 1);
  EXPECT_EQ(choose_crop(both(hot(0, 6, 20, 12), far_person)), choose_crop(far_person));
  EXPECT_EQ(choose_crop(both(hot(3, 12, 2, 2), far_person)), choose_crop(hot(3, 12, 2, 2)));
}

TEST(CropChoice, PartsThatAreClosePassForOneThing) {
  const auto legs = choose_crop(both(hot(10, 9, 1, 1), hot(12, 9, 1, 1)));
  ASSERT_TRUE(legs);
  EXPECT_NEAR(legs->left + legs->side / 2, 11.5 / 32, 1e-5);
}

TEST(CropChoice, InPixelsOfWhatTheFrameShows) {
  Picture picture(PixelFormat::kI420, 1280, 720);
  const Crop crop = crop_of(picture.view(), {0.5F, 0.25F, 0.25F});
  EXPECT_EQ(crop.x_px, 640);
  EXPECT_EQ(crop.y_px, 180);
  EXPECT_EQ(crop.width_px, 320);
  EXPECT_EQ(crop.height_px, 180);
  FrameView cropped = picture.view();
  cropped.crop = {100, 20, 400, 200};
  const Crop inner = crop_of(cropped, {0.75F, 0.75F, 0.25F});
  EXPECT_EQ(inner.x_px, 400);
  EXPECT_EQ(inner.y_px, 170);
  EXPECT_EQ(inner.width_px, 100);
  EXPECT_EQ(inner.height_px, 50);
  Picture tiny(PixelFormat::kI420, 2, 1);
  const Crop one = crop_of(tiny.view(), {0.75F, 0.75F, 0.25F});
  EXPECT_EQ(one.width_px * one.height_px, 1);
  FrameView checked = tiny.view();
  checked.crop = one;
  EXPECT_NO_THROW(check(checked));
}

}  // namespace
}  // namespace m3
