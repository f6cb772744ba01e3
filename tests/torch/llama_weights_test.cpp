#include "core/torch/llama_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "tests/torch/model_folder.h"
#include "tests/torch/tiny_model.h"

namespace m3 {
namespace {

using test::ModelFolder;
using test::relative_error;

TEST(LlamaFromGguf, ReadsTheShape) {
  const ModelFolder model;
  model.write();
  const LlmShape shape = read_llama_shape(Gguf::open(model.path("llm.gguf")));
  EXPECT_EQ(shape.hidden, 64);
  EXPECT_EQ(shape.intermediate, 96);
  EXPECT_EQ(shape.layers, 2);
  EXPECT_EQ(shape.heads, 4);
  EXPECT_EQ(shape.kv_heads, 2);
  EXPECT_EQ(shape.head_dim, 16);
  EXPECT_EQ(shape.vocabulary, 12);
  EXPECT_EQ(shape.context, 128);
  EXPECT_EQ(shape.rope_theta, 10000);
  EXPECT_FLOAT_EQ(static_cast<float>(shape.rms_epsilon), 1e-5F);
  EXPECT_TRUE(shape.tied_head);
}

// llama.cpp's converter writes row 2i+h of a head's q and k for what was row i + h * half.
TEST(LlamaFromGguf, PutsInterleavedRowsBackIntoHalves) {
  ModelFolder model;
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}) {
    at::Tensor& weight = model.llm[name];
    for (int64_t row = 0; row < weight.size(0); ++row) weight[row].fill_(static_cast<double>(row));
  }
  model.write();
  const Gguf file = Gguf::open(model.path("llm.gguf"));
  const auto llama = llama_from_gguf(file, read_llama_shape(file));
  const at::Tensor qkv = llama->block(0).qkv;
  ASSERT_EQ(qkv.sizes(), at::IntArrayRef({128, 64}));
  const auto number = [&](int64_t row) { return qkv[row][0].item<float>(); };
  // Second head of q: rows 16..31 of the file hold 16, 24, 17, 25, ... of the original.
  EXPECT_EQ(number(16), 16);
  EXPECT_EQ(number(17), 18);
  EXPECT_EQ(number(23), 30);
  EXPECT_EQ(number(24), 17);
  EXPECT_EQ(number(31), 31);
  EXPECT_EQ(number(64 + 1), 2);  // k
  EXPECT_EQ(number(96 + 1), 1);  // v stays as it is
  EXPECT_EQ(number(96 + 31), 31);
}

TEST(LowRankUpdates, AreMergedPartByPart) {
  ModelFolder model;
  model.adapter["blocks.1.gu_b.1"] = model.adapter["blocks.1.gu_b.1"].to(at::kBFloat16);
  model.write();
  const Gguf file = Gguf::open(model.path("llm.gguf"));
  const LlmShape shape = read_llama_shape(file);
  SafetensorsSource adapter(model.path("adapter.safetensors"));
  const LlamaBlock before = llama_from_gguf(file, shape)->block(1);
  const LlamaBlock after =
      with_updates(llama_from_gguf(file, shape), shape, {2, 0.5}, adapter)->block(1);
  const auto part = [&](const char* name) {
    return model.adapter["blocks.1." + std::string(name)].to(at::kFloat);
  };
  const auto update = [&](const char* b, const char* a, int64_t from) {
    return at::matmul(part(b), part(a).narrow(0, from, 2)) * 0.5;
  };
  EXPECT_LT(relative_error(after.qkv, before.qkv + at::cat({update("qkv_b.0", "qkv_a", 0),
                                                            update("qkv_b.1", "qkv_a", 2),
                                                            update("qkv_b.2", "qkv_a", 4)})),
            1e-6);
  EXPECT_LT(relative_error(after.out, before.out + update("o_b.0", "o_a", 0)), 1e-6);
  EXPECT_LT(relative_error(after.gate_up, before.gate_up + at::cat({update("gu_b.0", "gu_a", 0),
                                                                    update("gu_b.1", "gu_a", 2)})),
            1e-6);
  EXPECT_LT(relative_error(after.down, before.down + update("down_b.0", "down_a", 0)), 1e-6);
  EXPECT_TRUE(after.norm_mlp.equal(before.norm_mlp));
}

TEST(RandomWeights, RepeatWithTheSeedAndHaveTheSpreadAskedFor) {
  const at::Tensor first = RandomSource(1).uniform({200, 300}, 2);
  EXPECT_TRUE(RandomSource(1).uniform({200, 300}, 2).equal(first));
  EXPECT_FALSE(RandomSource(2).uniform({200, 300}, 2).equal(first));
  EXPECT_NEAR(first.std().item<double>(), 2, 0.02);
  EXPECT_NEAR(first.mean().item<double>(), 0, 0.02);
  EXPECT_NEAR(RandomSource(1).take("", {100, 4, 5, 5}).std().item<double>(), 0.1, 0.002);
}

}  // namespace
}  // namespace m3
