// The engine on a GPU against the same engine on the CPU. Skipped where there is none.
#include <ATen/Context.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "tests/support/collecting_sink.h"
#include "tests/support/picture.h"
#include "tests/torch/llava_checkpoint.h"

namespace m3 {
namespace {

using test::CollectingSink;
using test::Picture;

class Cuda : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (at::getNumGPUs() == 0) GTEST_SKIP() << "this machine or this libtorch has no GPU";
    if (!test::is_readable(checkpoint())) GTEST_SKIP() << test::kNeedsSentencepiece;
  }
  static std::string checkpoint() { return test::llava_checkpoint(GetParam()); }
  static std::shared_ptr<Engine> open(const std::string& device, const std::string& dtype) {
    EngineOptions options;
    options.model = checkpoint();
    options.device = device;
    options.dtype = dtype;
    return shared_engine(options);
  }
  static Picture picture(int number) {
    Picture picture(PixelFormat::kNv12, 200, 120, 8);
    picture.fill(0, [&](int byte, int row) {
      return 128 + 100 * std::sin(byte * 0.1 * number + row * 0.05);
    });
    picture.fill(1,
                 [&](int byte, int row) { return 128 + 60 * std::cos(byte * 0.07 + row * 0.2); });
    return picture;
  }
  static std::vector<float> read(const Tokens& tokens) {
    std::vector<float> values(static_cast<size_t>(tokens.scale()) *
                              static_cast<size_t>(tokens.dim()));
    tokens.shown()->read(values);
    return values;
  }
  static double error(const std::vector<float>& found, const std::vector<float>& wanted) {
    EXPECT_EQ(found.size(), wanted.size());
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      difference += std::pow(double{found[i]} - wanted[i], 2);
      size += std::pow(double{wanted[i]}, 2);
    }
    return std::sqrt(difference / size);
  }
};

TEST_P(Cuda, EveryStageIsThatOfTheCpu) {
  const auto cpu = open("cpu", "float32");
  TraceRequest request;
  const Picture frame = picture(1);
  request.picture = frame.view();
  request.prompt = "What is this?";
  request.scale = cpu->info().ladder[1];
  request.max_new_tokens = 1;
  const auto wanted = cpu->trace(request);
  for (const auto& [dtype, most] :
       {std::pair{"float32", 1e-4}, {"float16", 2e-2}, {"bfloat16", 1e-1}}) {
    const auto found = open("cuda", dtype)->trace(request);
    ASSERT_EQ(found.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(found[i].name, wanted[i].name);
      if (wanted[i].values.empty()) continue;
      EXPECT_LE(error(found[i].values, wanted[i].values), most) << dtype << " " << wanted[i].name;
    }
  }
}

TEST_P(Cuda, AFrameInItsMemoryGivesTheTokensOfOneInTheHosts) {
  const auto engine = open("cuda", "float32");
  const Picture frame = picture(2);
  const FrameView host = frame.view();
  FrameView view = host;
  view.memory = MemoryKind::kCuda;
  std::vector<at::Tensor> planes;
  for (int plane = 0; plane < 2; ++plane) {
    const std::vector<uint8_t>& bytes = frame.bytes(plane);
    auto* data = const_cast<uint8_t*>(bytes.data());
    planes.push_back(at::from_blob(data, {static_cast<int64_t>(bytes.size())},
                                   at::TensorOptions().dtype(at::kByte))
                         .to(at::kCUDA));
    view.planes[static_cast<size_t>(plane)].data = planes.back().const_data_ptr<uint8_t>();
  }
  const int finest = engine->info().ladder.back();
  EXPECT_LE(
      error(read(engine->encode({view, finest}).get()), read(engine->encode({host, finest}).get())),
      0.02);
}

TEST_P(Cuda, StreamsAnswerAsOnTheCpu) {
  const auto answers = [&](const std::string& device) {
    const auto engine = open(device, "float32");
    const auto session = engine->create_session({});
    const auto sink = std::make_shared<CollectingSink>();
    std::vector<Answer> all;
    for (int number = 1; number <= 3; ++number) {
      const Picture frame = picture(number);
      session->append({engine->encode({frame.view(), engine->info().ladder[1]}).get(),
                       number * int64_t{1'000'000'000}});
      Question question;
      question.text = "What is this?";
      question.max_new_tokens = 8;
      all.push_back(sink->wait(session->ask(question, sink)).answers.at(0));
    }
    return all;
  };
  const auto wanted = answers("cpu");
  const auto found = answers("cuda");
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_NE(found[i].finish, Finish::kError) << found[i].error;
    if (wanted[i].margin > 0.01) {
      EXPECT_EQ(found[i].ids, wanted[i].ids) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Cuda, testing::Values("grouped", "tied", "biased"));

}  // namespace
}  // namespace m3
