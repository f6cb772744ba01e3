// The learning curve as a picture.
#include "tools/m3_train/curve_plot.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/vision/image_file.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3::train {
namespace {

class CurvePlot : public testing::Test {
 protected:
  void SetUp() override {
    if (M3_CAN_DRAW == 0) GTEST_SKIP() << "this build cannot draw";
  }
  // The pixels that are nearly this colour.
  static long count(const Image& image, int red, int green, int blue) {
    long found = 0;
    for (size_t i = 0; i < image.rgb.size(); i += 3) {
      const auto near = [&](size_t channel, int wanted) {
        return std::abs(image.rgb[i + channel] - wanted) < 12;
      };
      found += near(0, red) && near(1, green) && near(2, blue) ? 1 : 0;
    }
    return found;
  }
  const test::TemporaryFolder folder_;
};

TEST_F(CurvePlot, ShowsLossesAndHeldOutOnes) {
  const std::string csv = folder_.path() + "/curve.csv";
  const std::string png = folder_.path() + "/curve.png";
  std::ofstream file(csv);
  file << "step,loss,examples,seconds,held_out\n";
  for (int step = 1; step <= 200; ++step) {
    file << step << "," << 3.0 / step + 1 << "," << 4 * step << "," << step << ",";
    if (step % 50 == 0) file << 2.0;
    file << "\n";
  }
  file << "201,1.5\nbroken line";  // a run that is being written
  file.close();
  plot_curve(csv, png);
  const Image image = read_image(png);
  EXPECT_EQ(image.width_px, 960);
  EXPECT_EQ(image.height_px, 540);
  EXPECT_GT(count(image, 255, 255, 255), 300'000);
  EXPECT_GT(count(image, 31, 120, 181), 500);  // smoothed
  EXPECT_GT(count(image, 214, 38, 41), 500);   // held out
  EXPECT_FALSE(std::filesystem::exists(png + ".part"));
}

TEST_F(CurvePlot, ACurveWithoutAPointIsAnEmptyPicture) {
  std::ofstream(folder_.path() + "/curve.csv") << "step,loss\n";
  plot_curve(folder_.path() + "/curve.csv", folder_.path() + "/curve.png");
  EXPECT_EQ(read_image(folder_.path() + "/curve.png").width_px, 960);
}

TEST_F(CurvePlot, SaysWhichFileIsMissingOrCannotBeWritten) {
  const test::TemporaryFolder empty;
  const Error missing =
      test::error_of([&] { plot_curve(empty.path() + "/none.csv", empty.path() + "/x.png"); });
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_NE(std::string(missing.what()).find("none.csv"), std::string::npos);
  std::ofstream(empty.path() + "/c.csv") << "step,loss\n1,2\n";
  const Error unwritable =
      test::error_of([&] { plot_curve(empty.path() + "/c.csv", empty.path() + "/no/x.png"); });
  EXPECT_EQ(unwritable.code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace m3::train
