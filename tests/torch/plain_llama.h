// PlainLlama: the language model written out with libtorch's plain operators over a whole sequence
// with an explicit mask, as slow and as readable as can be: what the engine's decoder is held
// against. Threads: used from one thread at a time.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/torch/llama_weights.h"

namespace m3::test {

class PlainLlama {
 public:
  PlainLlama(const LlmShape& shape, LlamaWeights& weights)
      : shape_(shape),
        embedding_(weights.embedding()),
        head_(shape.tied_head ? embedding_ : weights.head()),
        final_norm_(weights.final_norm()) {
    for (int layer = 0; layer < shape.layers; ++layer) blocks_.push_back(weights.block(layer));
  }

  // ids [S] -> [S, hidden]
  at::Tensor embed(const at::Tensor& ids) const { return embedding_.index_select(0, ids); }

  // x: [S, hidden]; positions: [S]; sees: [S, S] bool, row attends to column -> logits [S,
  // vocabulary]
  at::Tensor logits(at::Tensor x, const at::Tensor& positions, const at::Tensor& sees) const {
    const int64_t size = shape_.head_dim;
    const at::Tensor frequencies =
        at::pow(shape_.rope_theta, at::arange(0, size, 2, at::kFloat) / -size);
    const at::Tensor angles = at::outer(positions.to(at::kFloat), frequencies);
    const at::Tensor cos = at::cat({angles, angles}, 1).cos().unsqueeze(1);
    const at::Tensor sin = at::cat({angles, angles}, 1).sin().unsqueeze(1);
    const auto turned = [&](const at::Tensor& heads) {
      const at::Tensor half =
          at::cat({-heads.narrow(2, size / 2, size / 2), heads.narrow(2, 0, size / 2)}, 2);
      return heads * cos + half * sin;
    };
    const int64_t rows = x.size(0);
    for (const LlamaBlock& block : blocks_) {
      const at::Tensor qkv =
          at::linear(norm(x, block.norm_attention), block.qkv).view({rows, -1, size});
      const at::Tensor q = turned(qkv.narrow(1, 0, shape_.heads));
      const at::Tensor k = turned(qkv.narrow(1, shape_.heads, shape_.kv_heads));
      const at::Tensor v = qkv.narrow(1, shape_.heads + shape_.kv_heads, shape_.kv_heads);
      std::vector<at::Tensor> heads;
      for (int64_t head = 0; head < shape_.heads; ++head) {
        const int64_t kv_head = head / (shape_.heads / shape_.kv_heads);
        const at::Tensor scores =
            at::matmul(q.select(1, head), k.select(1, kv_head).t()) / std::sqrt(size);
        const at::Tensor weights =
            at::softmax(scores.masked_fill(~sees, -std::numeric_limits<float>::infinity()), 1);
        heads.push_back(at::matmul(weights, v.select(1, kv_head)));
      }
      x = x + at::linear(at::cat(heads, 1), block.out);
      const at::Tensor gate_up = at::linear(norm(x, block.norm_mlp), block.gate_up);
      x = x + at::linear(at::silu(gate_up.narrow(1, 0, shape_.intermediate)) *
                             gate_up.narrow(1, shape_.intermediate, shape_.intermediate),
                         block.down);
    }
    return at::linear(norm(x, final_norm_), head_);
  }

 private:
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const {
    return x / (x.square().mean(-1, true) + shape_.rms_epsilon).sqrt() * weight;
  }

  const LlmShape shape_;
  at::Tensor embedding_;
  at::Tensor head_;
  at::Tensor final_norm_;
  std::vector<LlamaBlock> blocks_;
};

}  // namespace m3::test
