#include "core/torch/decoder.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/torch/kv_cache.h"
#include "tests/torch/plain_llama.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::numbers;
using test::relative_error;

// A decoder and the same model in plain operators.
struct Pair {
  explicit Pair(const LlmShape& shape) {
    RandomSource random(5);
    decoder.emplace(shape, *random_llama(shape, random), at::kCPU, at::kFloat, [](double) {});
    RandomSource again(5);
    plain = std::make_unique<test::PlainLlama>(shape, *random_llama(shape, again));
  }
  std::optional<Decoder> decoder;
  std::unique_ptr<test::PlainLlama> plain;
};

at::Tensor causal(int64_t rows) { return at::ones({rows, rows}, at::kBool).tril(); }

// All rows in a branch, causally, `chunk` rows a pass.
at::Tensor branch_logits(const Decoder& decoder, const at::Tensor& x, int64_t chunk) {
  KvBranch branch(decoder.shape(), decoder.options(), decoder.rope());
  branch.start(nullptr, x.size(0));
  std::vector<at::Tensor> hidden;
  for (int64_t row = 0; row < x.size(0); row += chunk) {
    const int64_t rows = std::min(chunk, x.size(0) - row);
    branch.begin(rows);
    DecoderPass pass(decoder, x.narrow(0, row, rows), {{rows, &branch}});
    pass.finish();
    branch.commit();
    hidden.push_back(pass.hidden());
  }
  return decoder.logits(at::cat(hidden));
}

class DecoderShapes : public testing::TestWithParam<const char*> {
 protected:
  LlmShape shape() const {
    LlmShape shape = test::tiny_model().decoder.shape();
    const std::string kind = GetParam();
    if (kind == "OneKeyHead") shape.kv_heads = 1;
    if (kind == "AsManyKeyHeads") shape.kv_heads = shape.heads;
    if (kind == "WideHeads") shape.head_dim = 32;
    if (kind == "OwnHead") shape.tied_head = false;
    return shape;
  }
  const c10::InferenceMode inference_;
};

TEST_P(DecoderShapes, GivesTheLogitsOfThePlainModel) {
  const Pair pair(shape());
  const at::Tensor x = numbers(9, {23, shape().hidden});
  const at::Tensor wanted = pair.plain->logits(x, at::arange(23), causal(23));
  EXPECT_LT(relative_error(branch_logits(*pair.decoder, x, 23), wanted), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, DecoderShapes,
                         testing::Values("Grouped", "OneKeyHead", "AsManyKeyHeads", "WideHeads",
                                         "OwnHead"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Decoder, RandomLogitsSpreadByAboutThree) {
  const c10::InferenceMode inference;
  const Decoder& decoder = test::tiny_model().decoder;
  const double spread = branch_logits(decoder, numbers(9, {40, 64}), 40).std().item<double>();
  EXPECT_GT(spread, 2.5);
  EXPECT_LT(spread, 3.5);
}

TEST(Decoder, RowsTakenInPiecesGiveTheSameLogitsAsTogether) {
  const c10::InferenceMode inference;
  const Decoder& decoder = test::tiny_model().decoder;
  const at::Tensor x = numbers(9, {29, 64});
  const at::Tensor together = branch_logits(decoder, x, 29);
  for (const int64_t chunk : {1, 2, 7, 28}) {
    EXPECT_LT(relative_error(branch_logits(decoder, x, chunk), together), 1e-6)
        << chunk << " rows at a time";
  }
}

TEST(Decoder, APassThatIsCutAfterEveryBlockGivesTheSameNumbers) {
  const c10::InferenceMode inference;
  const Decoder& decoder = test::tiny_model().decoder;
  const at::Tensor x = numbers(9, {11, 64});
  const auto run = [&](DecoderPass::Clock::time_point deadline) {
    KvSlab slab(decoder.shape(), decoder.options());
    SpanTarget target(slab, slab.take(11), 1, decoder.rope());
    DecoderPass pass(decoder, x, {{11, &target}});
    int calls = 1;
    while (!pass.run(deadline)) ++calls;
    return std::pair(calls, pass.hidden());
  };
  const auto [whole_calls, whole] = run(DecoderPass::Clock::time_point::max());
  const auto [cut_calls, cut] = run(DecoderPass::Clock::time_point::min());
  EXPECT_EQ(whole_calls, 1);
  EXPECT_EQ(cut_calls, 3);  // the tiny model has three blocks
  EXPECT_TRUE(cut.equal(whole));
}

TEST(Decoder, GroupsInOnePassDoNotSeeEachOther) {
  const c10::InferenceMode inference;
  const Decoder& decoder = test::tiny_model().decoder;
  const at::Tensor x = numbers(9, {5 + 3 + 3 + 9, 64});
  KvSlab slab(decoder.shape(), decoder.options());
  SpanTarget one(slab, slab.take(5), 1, decoder.rope());
  SpanTarget two_equal(slab, slab.take(6), 2, decoder.rope());
  SpanTarget last(slab, slab.take(9), 1, decoder.rope());
  DecoderPass together(decoder, x, {{5, &one}, {6, &two_equal}, {9, &last}});
  together.finish();
  int64_t row = 0;
  for (const int64_t rows : {5, 3, 3, 9}) {
    KvSlab alone(decoder.shape(), decoder.options());
    SpanTarget target(alone, alone.take(rows), 1, decoder.rope());
    DecoderPass pass(decoder, x.narrow(0, row, rows), {{rows, &target}});
    pass.finish();
    EXPECT_TRUE(together.hidden().narrow(0, row, rows).equal(pass.hidden())) << "rows from " << row;
    const at::Tensor here = slab.index_of(std::vector<KvRows>{{{row, rows}}});
    const at::Tensor there = alone.index_of(std::vector<KvRows>{{{0, rows}}});
    EXPECT_TRUE(slab.keys(here).equal(alone.keys(there))) << "rows from " << row;
    EXPECT_TRUE(slab.values(here).equal(alone.values(there))) << "rows from " << row;
    row += rows;
  }
}

TEST(Decoder, CountsItsParameters) {
  const LlmShape& shape = test::tiny_model().decoder.shape();
  const int64_t block = 2 * 64 + (4 + 2 * 2) * 16 * 64 + 64 * 64 + 2 * 96 * 64 + 64 * 96;
  EXPECT_EQ(test::tiny_model().decoder.parameters(), 272 * 64 + 64 + 3 * block);
  EXPECT_EQ(test::tiny_model().decoder.block_parameters(), 3 * (block - 2 * 64));
  EXPECT_EQ(test::tiny_model().decoder.head_parameters(), 272 * 64);
  EXPECT_EQ(shape.layers, 3);
}

TEST(Decoder, StopsLoadingWhenToldTo) {
  const LlmShape shape = test::tiny_model().decoder.shape();
  RandomSource random(5);
  const auto weights = random_llama(shape, random);
  int blocks = 0;
  EXPECT_THROW(Decoder(shape, *weights, at::kCPU, at::kFloat,
                       [&](double) {
                         ++blocks;
                         throw Error(ErrorCode::kCancelled, "stop");
                       }),
               Error);
  EXPECT_EQ(blocks, 1);
}

}  // namespace
}  // namespace m3
