#include "core/torch/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/picture.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::error_of;
using test::tiny_model;

class Trace : public testing::Test {
 protected:
  Trace() : picture_(PixelFormat::kRgb, 24, 24) {
    picture_.fill(0, [](int byte, int row) { return byte * 3 + row * 5; });
    request_.picture = picture_.view();
    request_.prompt = "What?";
    request_.scale = 9;
    request_.max_new_tokens = 6;
  }
  std::vector<std::string> names(const std::vector<TraceTensor>& trace) {
    std::vector<std::string> names;
    for (const TraceTensor& tensor : trace) names.push_back(tensor.name);
    return names;
  }
  const TraceTensor& find(const std::vector<TraceTensor>& trace, const std::string& name) {
    for (const TraceTensor& tensor : trace) {
      if (tensor.name == name) return tensor;
    }
    throw std::out_of_range(name);
  }
  using Sizes = std::vector<int64_t>;

  const c10::InferenceMode inference_;
  test::Picture picture_;
  TraceRequest request_;
};

TEST_F(Trace, WritesEveryStageInItsShape) {
  const auto trace = run_trace(tiny_model(), request_);
  EXPECT_EQ(names(trace), (std::vector<std::string>{"pixel_values", "tower", "projected", "pooled",
                                                    "input_ids", "logits", "generated_ids"}));
  EXPECT_EQ(find(trace, "pixel_values").shape, (Sizes{1, 3, 24, 24}));
  EXPECT_EQ(find(trace, "tower").shape, (Sizes{1, 36, 39}));
  EXPECT_EQ(find(trace, "projected").shape, (Sizes{1, 36, 64}));
  EXPECT_EQ(find(trace, "pooled").shape, (Sizes{9, 64}));
  const TraceTensor& ids = find(trace, "input_ids");
  EXPECT_EQ(ids.shape, (Sizes{6 + 1 + 9 + 7}));
  EXPECT_EQ(ids.ids[6], '\n');
  for (size_t i = 7; i < 16; ++i) EXPECT_EQ(ids.ids[i], kVisualToken);
  EXPECT_EQ(find(trace, "logits").shape, (Sizes{23, 272}));
  // The picture has the tower's size: its pixels arrive as they are.
  EXPECT_EQ(find(trace, "pixel_values").values[0], 0);
  EXPECT_EQ(find(trace, "pixel_values").values[1], 9);        // red of the second pixel
  EXPECT_EQ(find(trace, "pixel_values").values[24 * 24], 3);  // green of the first
  EXPECT_EQ(find(trace, "pixel_values").values[24], 5);       // red of the second row
}

TEST_F(Trace, TheFirstGeneratedIdIsTheLargestLastLogit) {
  const auto trace = run_trace(tiny_model(), request_);
  const TraceTensor& logits = find(trace, "logits");
  const int known = tiny_model().layout.tokenizer().vocabulary();
  const float* last = logits.values.data() + 22 * 272;
  EXPECT_EQ(find(trace, "generated_ids").ids.at(0), std::max_element(last, last + known) - last);
}

TEST_F(Trace, PixelsFromAFileEqualThePicture) {
  const auto wanted = run_trace(tiny_model(), request_);
  TraceRequest request = request_;
  request.picture.reset();
  request.pixel_values = find(wanted, "pixel_values");
  const auto trace = run_trace(tiny_model(), request);
  EXPECT_EQ(find(trace, "logits").values, find(wanted, "logits").values);
  request.pixel_values->shape = {1, 3, 24, 23};
  EXPECT_EQ(error_of([&] { run_trace(tiny_model(), request); }).code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(Trace, TimesItsPartsWhenAskedTo) {
  request_.time_runs = 3;
  const auto trace = run_trace(tiny_model(), request_);
  for (const char* name : {"tower_ms", "projector_ms"}) {
    EXPECT_EQ(find(trace, name).shape, (Sizes{3}));
    for (const float time : find(trace, name).values) EXPECT_GT(time, 0) << name;
  }
}

TEST_F(Trace, TextAloneHasNoPictureStages) {
  request_.picture.reset();
  const auto trace = run_trace(tiny_model(), request_);
  EXPECT_EQ(names(trace), (std::vector<std::string>{"input_ids", "logits", "generated_ids"}));
  EXPECT_EQ(find(trace, "input_ids").shape, (Sizes{13}));
}

TEST_F(Trace, ARawPromptIsTakenAsItIs) {
  request_.raw_prompt = true;
  request_.prompt = "ab<image>c<a>";
  const auto trace = run_trace(tiny_model(), request_);
  std::vector<int64_t> wanted = {'a', 'b'};
  wanted.insert(wanted.end(), 9, kVisualToken);
  wanted.push_back('c');
  wanted.push_back(257);  // <a>
  EXPECT_EQ(find(trace, "input_ids").ids, wanted);
  request_.prompt = "no place for it";
  EXPECT_EQ(error_of([&] { run_trace(tiny_model(), request_); }).code(),
            ErrorCode::kInvalidArgument);
  request_.picture.reset();
  request_.prompt = "";
  EXPECT_EQ(error_of([&] { run_trace(tiny_model(), request_); }).code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(Trace, RefusesAScaleOffTheLadder) {
  request_.scale = 4;
  EXPECT_EQ(error_of([&] { run_trace(tiny_model(), request_); }).code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace m3
