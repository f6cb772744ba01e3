// Where motion counts: parse_regions, and what FrameActivity makes of regions.
#include "core/vision/regions.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/vision/frame_activity.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"

namespace m3 {
namespace {

using test::error_of;
using test::Picture;

TEST(Regions, AreReadFromTextInPartsOfThePicture) {
  EXPECT_TRUE(parse_regions("", "mask").empty());
  const auto regions = parse_regions("0,0.5,0.25,0.5;0.1,0.2,1,1", "mask");
  ASSERT_EQ(regions.size(), 2U);
  EXPECT_EQ(regions[0], (Region{0, 0.5, 0.25, 0.5}));
  EXPECT_EQ(regions[1], (Region{0.1, 0.2, 1, 1}));
}

TEST(Regions, RefuseTextThatIsNoRectangle) {
  std::string seventeen = "0,0,1,1";
  for (int i = 0; i < 16; ++i) seventeen += ";0,0,1,1";
  for (const std::string& text :
       {std::string("clock"), std::string("0,0,1"), std::string("0,0,1,1,1"),
        std::string("0,0,0,1"), std::string("-0.1,0,1,1"), std::string("0,0,1,1.5"),
        std::string("nan,0,1,1"), std::string("0;0;1;1"), seventeen}) {
    const Error error = error_of([&] { parse_regions(text, "mask"); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << text;
    EXPECT_EQ(std::string(error.what()).find("mask \"" + text + "\" cannot be read; give "), 0U)
        << error.what();
  }
}

TEST(Regions, WeighThePixelsOfTheSmallPicture) {
  SmallLuma luma;
  luma.read(Picture(PixelFormat::kI420, 640, 360).view());  // 320x180 small pixels
  Regions regions;
  regions.interest = {{0.5, 0, 0.5, 1}};
  regions.ignored = {{0.75, 0.5, 1, 1}};
  const auto weights = weights_of(regions, luma);
  const auto at = [&](int x, int y) { return weights[y * 320 + x]; };
  EXPECT_EQ(at(159, 0), 0.25F);
  EXPECT_EQ(at(160, 0), 1);
  EXPECT_EQ(at(239, 90), 1);
  EXPECT_EQ(at(240, 89), 1);
  EXPECT_EQ(at(240, 90), 0);
  EXPECT_EQ(at(319, 179), 0);
}

TEST(Regions, AreFoundInAFrameThatIsCropped) {
  FrameView view = Picture(PixelFormat::kI420, 640, 360).view();
  view.crop = {320, 0, 320, 360};
  Picture picture(PixelFormat::kI420, 640, 360);
  view.planes = picture.view().planes;
  SmallLuma luma;
  luma.read(view);
  Regions regions;
  regions.ignored = {{0, 0, 0.75, 1}};
  const auto weights = weights_of(regions, luma);
  EXPECT_EQ(weights.front(), 0);
  EXPECT_EQ(weights[luma.width_px() / 2 - 1], 0);
  EXPECT_EQ(weights[luma.width_px() / 2], 1);
}

// A box in the right lower corner that lights up in frame 12 and goes on getting lighter: a
// burnt-in clock.
struct Clock {
  Picture picture{PixelFormat::kI420, 640, 360};
  FrameActivity activity;

  Activity see(int frame) {
    const int light = frame < 12 ? 40 : 140 + 3 * frame;
    picture.fill(0, [&](int x, int y) {
      return x >= 560 && y >= 320 ? light : 100 + 30 * ((x / 37 + y / 37) % 2);
    });
    FrameView view = picture.view();
    view.pts_ns = int64_t{40'000'000} * frame;
    return activity.measure(view);
  }
  double most_motion(int frames) {
    double most = 0;
    for (int i = 0; i < frames; ++i) most = std::max(most, see(i).motion);
    return most;
  }
};

TEST(Regions, NothingCountsThatIsIgnored) {
  Clock seen;
  EXPECT_GT(seen.most_motion(20), 0.1);
  Clock masked;
  Regions regions;
  regions.ignored = {{0.85, 0.85, 0.15, 0.15}};
  masked.activity.set_regions(regions);
  EXPECT_EQ(masked.most_motion(20), 0);
  EXPECT_EQ(masked.see(21).signature, masked.see(26).signature);
  masked.activity.set_regions({});
  EXPECT_NE(masked.see(31).signature, masked.see(36).signature);
}

TEST(Regions, MotionCountsMoreWhereItIsOfInterest) {
  Clock plain;
  const double usual = plain.most_motion(20);
  Clock inside;
  Regions corner;
  corner.interest = {{0.8, 0.8, 0.2, 0.2}};
  inside.activity.set_regions(corner);
  EXPECT_GT(inside.most_motion(20), 1.3 * usual);
  Clock outside;
  Regions elsewhere;
  elsewhere.interest = {{0, 0, 0.5, 0.5}};
  outside.activity.set_regions(elsewhere);
  EXPECT_LT(outside.most_motion(20), 0.95 * usual);
}

}  // namespace
}  // namespace m3
