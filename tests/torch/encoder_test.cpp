// A frame's way to the tower: what is done on the device equals what is done before it, and neither
// cutting the tower's work nor the pictures beside a picture change its tokens.
#include "core/torch/encoder.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/torch/model.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"
#include "tests/torch/failing_allocator.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::Picture;

std::unique_ptr<const Model> load(const std::string& name) {
  const c10::InferenceMode inference;
  EngineOptions options;
  options.model = name;
  options.device = "cpu";
  options.dtype = "float32";
  return load_model(options, {}, {});
}

Picture wavy(PixelFormat format, int width, int height, int number) {
  Picture picture(format, width, height, 3);
  for (int plane = 0; plane < (format == PixelFormat::kRgb    ? 1
                               : format == PixelFormat::kNv12 ? 2
                                                              : 3);
       ++plane) {
    picture.fill(plane, [&](int byte, int row) {
      return std::lround(127 + 90 * std::sin(byte * 0.13 + plane) * std::cos(row * 0.07 * number));
    });
  }
  return picture;
}

class Towers : public testing::TestWithParam<std::string> {
 protected:
  at::Tensor pixels(int64_t count) const {
    const int64_t size = model_->fit.size_px;
    return test::numbers(5, {count, 3, size, size}).contiguous(at::MemoryFormat::ChannelsLast);
  }
  const c10::InferenceMode inference_;
  const std::unique_ptr<const Model> model_ = load(GetParam());
};

TEST_P(Towers, CanBeLeftBetweenStepsWithoutChangingTheFeatures) {
  const at::Tensor input = pixels(1);
  const auto pass = model_->tower->begin(input);
  int units = 1;
  while (!pass->run({})) ++units;  // the deadline is long over
  EXPECT_GT(units, 2);
  EXPECT_TRUE(pass->features().equal((*model_->tower)(input)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Towers,
                         testing::Values(test::tiny_name(),
                                         "random:" M3_GOLDEN_DIR "/llava/biased/config.json",
                                         "random:" M3_GOLDEN_DIR "/llava/grouped/config.json"));

std::vector<float> read(const Tokens& tokens) {
  std::vector<float> values(static_cast<size_t>(tokens.scale()) *
                            static_cast<size_t>(tokens.dim()));
  tokens.shown()->read(values);
  return values;
}

class Encoding : public testing::Test {
 protected:
  // All that comes to wait meanwhile is there when `body` is over.
  void hold(const std::function<void()>& body) {
    std::promise<void> go_on;
    scheduler_.post(WorkClass::kDecodeStep,
                    [gone_on = go_on.get_future().share()] { gone_on.wait(); });
    body();
    go_on.set_value();
  }

  const std::unique_ptr<const Model> model_ =
      load("random:" M3_GOLDEN_DIR "/llava/biased/config.json,3");
  // These outlive the thread that works on them.
  std::optional<FrameEncoder> made_;
  std::optional<FrameEncoder> other_;
  Scheduler scheduler_{[](const std::function<void()>& loop) {
    const c10::InferenceMode inference;
    loop();
  }};
};

TEST_F(Encoding, WhatIsMoreUrgentOvertakesAPictureInTheTower) {
  FrameEncoder& encoder = made_.emplace(*model_, scheduler_, 1, std::chrono::seconds(0));
  const Picture picture = wavy(PixelFormat::kI420, 90, 70, 1);
  std::future<Tokens> encoded;
  std::promise<void> over;
  int urgent = 0;  // units that ran before the picture was done; each posts the next one
  const std::function<void()> unit = [&] {
    if (encoded.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      over.set_value();
    } else {
      ++urgent;
      scheduler_.post(WorkClass::kDecodeStep, unit);
    }
  };
  hold([&] {
    encoded = encoder.encode({picture.view(), 16});
    scheduler_.post(WorkClass::kDecodeStep, unit);
  });
  over.get_future().wait();
  // A class that waits gets one unit in eight, and this tower has three steps.
  EXPECT_GT(urgent, 14);
  FrameEncoder& whole = other_.emplace(*model_, scheduler_);
  EXPECT_EQ(read(encoded.get()), read(whole.encode({picture.view(), 16}).get()));
}

TEST_F(Encoding, FramesThatWaitTogetherGetTheTokensOfEachAlone) {
  FrameEncoder& encoder = made_.emplace(*model_, scheduler_, 4);
  std::vector<Picture> pictures;
  for (int i = 0; i < 9; ++i) pictures.push_back(wavy(PixelFormat::kI420, 90 + i, 70, i + 1));
  std::vector<std::vector<float>> alone;
  for (const Picture& picture : pictures) {
    alone.push_back(read(encoder.encode({picture.view(), 16}).get()));
  }
  std::vector<std::future<Tokens>> together;
  hold([&] {
    for (const Picture& picture : pictures) {
      together.push_back(encoder.encode({picture.view(), 16}));
    }
    // Four of them run out of memory together; each of them by itself does not.
    scheduler_.post(WorkClass::kDecodeStep, [] { test::FailingAllocator::fail_after(10); });
  });
  for (size_t i = 0; i < pictures.size(); ++i) {
    const std::vector<float> found = read(together[i].get());
    ASSERT_EQ(found.size(), alone[i].size());
    double difference = 0;
    double size = 0;
    for (size_t at = 0; at < found.size(); ++at) {
      difference += std::pow(double{found[at]} - alone[i][at], 2);
      size += std::pow(double{alone[i][at]}, 2);
    }
    EXPECT_LT(std::sqrt(difference / size), 1e-5) << i;
  }
}

TEST_F(Encoding, RefusesACudaFrameWhereTheModelIsNotOnCuda) {
  FrameEncoder& encoder = made_.emplace(*model_, scheduler_);
  const Picture picture = wavy(PixelFormat::kRgb, 8, 8, 1);
  FrameView view = picture.view();
  view.memory = MemoryKind::kCuda;
  const Error error = test::error_of([&] { encoder.encode({view, 16}); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_NE(std::string(error.what()).find("device=cuda"), std::string::npos) << error.what();
}

class DeviceFits : public testing::TestWithParam<PictureFit> {};

// On the CPU, where both can run: planes are lent as they would be in a GPU's memory.
TEST_P(DeviceFits, AreWithinOneStepOfThoseOnTheCpu) {
  const PictureFit fit = GetParam();
  DevicePictures device(fit, at::kCPU);
  PictureFitter fitter;
  std::vector<uint8_t> wanted(static_cast<size_t>(3 * fit.size_px * fit.size_px));
  for (const PixelFormat format : {PixelFormat::kRgb, PixelFormat::kI420, PixelFormat::kNv12}) {
    for (const auto& [width, height] : {std::pair{130, 71}, {64, 160}, {48, 48}, {33, 20}}) {
      for (const Crop crop : {Crop{}, Crop{3, 4, 25, 15}}) {
        for (const bool bt709 : {false, true}) {
          const Picture picture = wavy(format, width, height, 3);
          FrameView view = picture.view();
          view.crop = crop;
          view.color = {bt709 ? YuvMatrix::kBt709 : YuvMatrix::kBt601, bt709};
          fitter.run(view, fit, wanted);
          const at::Tensor found = device.run(view).permute({1, 2, 0}).contiguous();
          ASSERT_EQ(found.numel(), static_cast<int64_t>(wanted.size()));
          int largest = 0;
          const uint8_t* bytes = found.const_data_ptr<uint8_t>();
          for (size_t i = 0; i < wanted.size(); ++i) {
            largest = std::max(largest, std::abs(int{bytes[i]} - int{wanted[i]}));
          }
          // A byte in between may round the other way, and the matrix to RGB widens that.
          EXPECT_LE(largest, format == PixelFormat::kRgb ? 1 : 3)
              << width << "x" << height << " format " << static_cast<int>(format);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, DeviceFits,
                         testing::Values(PictureFit{PictureFit::Kind::kStretch, 48, 0, {}},
                                         PictureFit{PictureFit::Kind::kCrop, 40, 44, {}},
                                         PictureFit{PictureFit::Kind::kCrop, 40, 30, {}},
                                         PictureFit{
                                             PictureFit::Kind::kPadded, 42, 42, {122, 116, 104}}));

}  // namespace
}  // namespace m3
