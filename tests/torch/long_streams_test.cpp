// Streams that are longer than their window: whatever became of its spans, the window's keys and
// values are those of one that was built from the same spans at once.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/torch/stream_window.h"
#include "core/torch/token_pool.h"
#include "core/window_memory.h"
#include "tests/torch/tiny_model.h"
#include "tests/torch/window_logits.h"

namespace m3 {
namespace {

using test::kSecond;
using test::one_shot_logits;
using test::Place;
using test::place_of;
using test::question_logits;
using test::relative_error;
using test::tiny_model;

constexpr auto kNow = DecoderPass::Clock::time_point::min();
constexpr auto kNever = DecoderPass::Clock::time_point::max();

// A stream that is longer than its window, with whatever happens in between.
struct LongStream {
  const char* attention;
  int seed;
  int window_tokens;
  const char* dtype = "float32";
};

class LongStreams : public testing::TestWithParam<LongStream> {
 protected:
  const Model& model() const {
    const bool causal = GetParam().attention == std::string("causal");
    if (is_bfloat16())
      return causal ? test::tiny_causal_bfloat16_model() : test::tiny_bfloat16_model();
    return causal ? test::tiny_causal_model() : tiny_model();
  }
  static bool is_bfloat16() { return GetParam().dtype == std::string("bfloat16"); }
  // A window that was given the spans as they are now, and nothing before.
  std::unique_ptr<StreamWindow> built_afresh() const {
    SessionOptions options;
    options.window_tokens = 1000;
    auto window = std::make_unique<StreamWindow>(model(), options);
    for (const Place& place : places_) {
      const int grid = grid_of(static_cast<int>(place.tokens.size(0)));
      window->append({Tokens(std::make_shared<DeviceTokens>(grid, place.tokens), model().ladder),
                      place.pts_ns});
    }
    EXPECT_EQ(window->memory().spans().size(), places_.size());
    return window;
  }
  // The largest difference of any layer's keys or values, of their norm.
  static double difference(StreamWindow& one, StreamWindow& other, int64_t layers) {
    EXPECT_TRUE(one.prefill(kNever));
    EXPECT_TRUE(other.prefill(kNever));
    const auto a = one.base();
    const auto b = other.base();
    EXPECT_EQ(a->rows(), b->rows());
    double most = 0;
    for (int64_t layer = 0; layer < layers; ++layer) {
      const auto error = [](const at::Tensor& found, const at::Tensor& wanted) {
        return relative_error(found.to(at::kFloat), wanted.to(at::kFloat));
      };
      most = std::max(
          {most, error(a->keys(layer), b->keys(layer)), error(a->values(layer), b->values(layer))});
    }
    return most;
  }
  // Carries the plan of `twin` out on the frames' own tokens.
  void append(const FrameTokens& next) {
    MemorySpan entry;
    entry.visual_tokens = next.tokens.scale();
    entry.marker_tokens = static_cast<int>(model().layout.marker_ids(next.pts_ns).size());
    entry.from_ns = entry.to_ns = next.pts_ns;
    const at::Tensor mean = place_of(next).tokens.mean(0);
    entry.mean.assign(mean.const_data_ptr<float>(), mean.const_data_ptr<float>() + 64);
    for (const MemoryOperation& one : twin_->append(entry)) {
      Place& place = places_[one.span];
      const auto behind = places_.begin() + static_cast<std::ptrdiff_t>(one.span) + 1;
      switch (one.kind) {
        case MemoryOperation::Kind::kCoarsen: {
          const int64_t grid = grid_of(static_cast<int>(place.tokens.size(0)));
          place.tokens = pool_square(place.tokens, grid, grid_of(one.visual_tokens));
          ++coarsened_;
          break;
        }
        case MemoryOperation::Kind::kMerge:
          place.tokens = place.tokens * (1 - one.part) + behind->tokens * one.part;
          places_.erase(behind);
          ++merged_;
          break;
        case MemoryOperation::Kind::kDrop:
          EXPECT_EQ(places_.size(), 1U) << "something of the stream is forgotten";
          places_.erase(behind - 1);
          break;
      }
    }
    places_.push_back(place_of(next));
  }

  const c10::InferenceMode inference_;
  std::optional<WindowMemory> twin_;
  std::vector<Place> places_;
  int coarsened_ = 0;
  int merged_ = 0;
};

TEST_P(LongStreams, TheWindowIsOneBuiltAfreshFromTheSameSpans) {
  std::mt19937 random(static_cast<unsigned>(GetParam().seed));
  SessionOptions options;
  options.window_tokens = GetParam().window_tokens;
  StreamWindow window(model(), options);
  twin_.emplace(window.memory().limits(), *model().ladder);
  int64_t capacity = 0;
  for (int number = 1; number <= 240; ++number) {
    // Scenes of about 12 frames: the tokens of one scene are alike.
    const int scene = number / 12;
    const int scale = std::vector<int>{1, 9, 36}[random() % 3];
    const at::Tensor values =
        RandomSource(static_cast<uint64_t>(scene)).uniform({36, 64}, 0.5) +
        RandomSource(static_cast<uint64_t>(1000 + number)).uniform({36, 64}, 0.02);
    const FrameTokens next = {
        Tokens(std::make_shared<DeviceTokens>(6, values), model().ladder).pool_to(scale),
        number * 2 * kSecond};
    append(next);
    window.append(next);
    if (random() % 3 == 0) {
      EXPECT_TRUE(window.prefill(kNever));
    }
    if (random() % 7 == 0) window.prefill(kNow);  // left in the middle
    if (number == 120) capacity = window.slab_capacity();
    const WindowSummary summary = window.summary();
    ASSERT_LE(summary.visual_tokens, std::max(options.window_tokens, scale));
    ASSERT_LE(summary.positions, 256);
    if (number % 40 != 0) continue;
    EXPECT_LT(difference(window, *built_afresh(), model().decoder.shape().layers),
              is_bfloat16() ? 1e-2 : 1e-5)
        << number << " frames";
    if (is_bfloat16()) continue;
    EXPECT_LT(relative_error(question_logits(window, "What?", model()),
                             one_shot_logits(places_, "What?", model())),
              1e-5)
        << number << " frames";
  }
  EXPECT_GT(coarsened_, 20);
  EXPECT_GT(merged_, 20);
  EXPECT_LE(window.slab_capacity(), std::max<int64_t>(capacity, 256)) << "the slab went on growing";
}

INSTANTIATE_TEST_SUITE_P(Kinds, LongStreams,
                         testing::Values(LongStream{"spans", 1, 12}, LongStream{"spans", 2, 60},
                                         LongStream{"causal", 3, 12}, LongStream{"causal", 4, 60},
                                         LongStream{"spans", 5, 60, "bfloat16"},
                                         LongStream{"causal", 6, 60, "bfloat16"}),
                         [](const auto& info) {
                           return std::string(info.param.attention) +
                                  std::to_string(info.param.window_tokens) + info.param.dtype;
                         });

}  // namespace
}  // namespace m3
