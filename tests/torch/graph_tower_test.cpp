#include "core/torch/graph_tower.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/pixel_unshuffle.h>
#include <gtest/gtest.h>

#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

class TinyTower : public testing::Test {
 protected:
  // tests/support/tiny/tower.json written out with plain operators.
  static at::Tensor plain(const at::Tensor& pixels) {
    RandomSource random(3);
    const auto conv = [&](const at::Tensor& x, const Shape& shape, int64_t stride, int64_t groups,
                          at::IntArrayRef pad, bool relu6) {
      const at::Tensor weight = random.take("", shape);
      const at::Tensor bias = random.take("", {shape[0]});
      const at::Tensor y = at::conv2d(at::constant_pad_nd(x, pad), weight, bias, stride,
                                      at::IntArrayRef(0), 1, groups);
      return relu6 ? y.clamp(0, 6) : y;
    };
    const at::Tensor x0 = pixels / 128 - 127.0 / 128;
    const at::Tensor x1 = conv(x0, {8, 3, 3, 3}, 2, 1, {0, 1, 0, 1}, true);
    const at::Tensor x2 = conv(x1, {8, 1, 3, 3}, 1, 8, {1, 1, 1, 1}, true);
    const at::Tensor x4 = conv(x2, {8, 8, 1, 1}, 1, 1, {0, 0, 0, 0}, false) + x1;
    const at::Tensor x5 = conv(x4, {8, 1, 5, 5}, 2, 8, {1, 2, 1, 2}, true);
    const at::Tensor head = conv(x5, {24, 8, 1, 1}, 1, 1, {0, 0, 0, 0}, true);
    const at::Tensor middle =
        at::pixel_unshuffle(conv(x4, {3, 8, 1, 1}, 1, 1, {0, 0, 0, 0}, false), 2);
    const at::Tensor all = at::cat({head, middle, at::avg_pool2d(x0, 4)}, 1);  // [B, 39, 6, 6]
    return all.flatten(2).transpose(1, 2);
  }
  static GraphTower tower(at::ScalarType dtype) {
    RandomSource random(3);
    const ModelConfig config = read_model_config(M3_TINY_MODEL);
    return GraphTower(config.folder + "/tower.json", random, config.tower,
                      config.preprocess.size_px, at::kCPU, dtype);
  }
  const c10::InferenceMode inference_;
  const at::Tensor pixels_ = ((numbers(1, {2, 3, 24, 24}) * 40 + 128).clamp(0, 255))
                                 .contiguous(at::MemoryFormat::ChannelsLast);
};

TEST_F(TinyTower, ItsHalvesAreTheWhole) {
  const GraphTower whole = tower(at::kFloat);
  const at::Tensor one = pixels_.narrow(0, 1, 1);
  const at::Tensor kept = whole.first_half(one);
  EXPECT_EQ(kept.numel(), whole.kept_numbers());
  EXPECT_LE(kept.numel(), int64_t{36} * 39);  // never more than the output
  EXPECT_TRUE(whole.second_half(kept).equal(whole(one)));
}

TEST_F(TinyTower, EqualsItsOperationsWrittenOut) {
  const at::Tensor found = tower(at::kFloat)(pixels_);
  const at::Tensor wanted = plain(pixels_);
  ASSERT_EQ(found.sizes(), at::IntArrayRef({2, 36, 39}));
  EXPECT_TRUE(found.is_contiguous());
  EXPECT_LT(relative_error(found, wanted), 1e-6);
}

TEST_F(TinyTower, WorksInBfloat16) {
  const at::Tensor found = tower(at::kBFloat16)(pixels_.to(at::kBFloat16));
  EXPECT_EQ(found.scalar_type(), at::kBFloat16);
  EXPECT_LT(relative_error(found.to(at::kFloat), plain(pixels_)), 0.03);
}

TEST_F(TinyTower, LeavesItsInputAsItWas) {
  const at::Tensor before = pixels_.clone();
  tower(at::kFloat)(pixels_);
  EXPECT_TRUE(pixels_.equal(before));
}

TEST_F(TinyTower, CountsItsParameters) {
  EXPECT_EQ(tower(at::kFloat).parameters(),
            (8 * 27 + 8) + (8 * 9 + 8) + (64 + 8) + (8 * 25 + 8) + (24 * 8 + 24) + (3 * 8 + 3));
}

}  // namespace
}  // namespace m3
