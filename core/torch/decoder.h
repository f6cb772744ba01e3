// Decoder: a Llama-family language model as a stack of blocks over rows of hidden states: RMS
// norms, grouped-query attention, SwiGLU. What a row attends to is not its business: rows come in
// groups, each with a KvTarget. Threads: Decoder is immutable; a DecoderPass is used from one
// thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/model/model_config.h"
#include "core/torch/linear.h"
#include "core/torch/llama_weights.h"
#include "core/torch/rope.h"

namespace m3 {

// Where a group of rows leaves its keys and values and finds those it attends to.
class KvTarget {
 public:
  virtual ~KvTarget() = default;
  // q: [rows, heads, head_dim]; k, v: [rows, kv_heads, head_dim]; none of them rotated yet. Returns
  // [rows, heads * head_dim].
  virtual at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) = 0;
};

struct RowGroup {
  int64_t rows = 0;
  KvTarget* target = nullptr;  // borrowed until the pass is over
};

enum class DecoderPart { kQkv, kOut, kGateUp, kDown, kHead };

// Makes one of the decoder's matrices; layer: from 0, -1 for the head.
using LinearMaker = std::function<Linear(int layer, DecoderPart part, const at::Tensor& weight,
                                         const at::Tensor& bias)>;

class Decoder {
 public:
  // Takes one block at a time from `weights`, so that a load needs little more memory than the
  // result. `on_block` is called after each block with the share done and may throw to stop.
  // `make`: for matrices of another kind than those that are fastest for answers; with
  // Linear::plain() gradients flow through passes.
  Decoder(const LlmShape& shape, LlamaWeights& weights, at::Device device, at::ScalarType dtype,
          const std::function<void(double)>& on_block, const LinearMaker& make = {});

  const LlmShape& shape() const noexcept { return shape_; }
  const Rope& rope() const noexcept { return rope_; }
  at::TensorOptions options() const { return embedding_.options(); }
  int64_t parameters() const noexcept { return parameters_; }
  int64_t block_parameters() const noexcept;  // in the matrices of all blocks
  int64_t head_parameters() const noexcept { return head_.parameters(); }
  // Numbers held in memory: a tied head is a second copy of the embedding, laid out for products.
  int64_t resident_numbers() const;
  // Whether passes had better come in few lengths: oneDNN compiles a kernel for each and keeps a
  // thousand of them, tens of kilobytes each. Products in panels take any length.
  bool wants_few_lengths() const;

  // ids within the vocabulary -> [n, hidden]
  at::Tensor embed(std::span<const int32_t> ids) const;
  // hidden states of a finished pass [n, hidden] -> [n, vocabulary]
  at::Tensor logits(const at::Tensor& hidden) const;

 private:
  friend class DecoderPass;
  struct Block {
    at::Tensor norm_attention;  // [hidden]
    Linear qkv;                 // hidden -> (heads + 2 kv_heads) * head_dim
    Linear out;
    at::Tensor norm_mlp;  // [hidden]
    Linear gate_up;       // hidden -> 2 * intermediate
    Linear down;
  };
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  at::Tensor run_block(size_t layer, const at::Tensor& x,
                       const std::vector<RowGroup>& groups) const;

  const LlmShape shape_;
  const Rope rope_;
  at::Tensor embedding_;  // [vocabulary, hidden]
  std::vector<Block> blocks_;
  at::Tensor final_norm_;  // [hidden]
  Linear head_;            // hidden -> vocabulary
  int64_t parameters_ = 0;
};

// Rows on their way through the blocks; can be left between two blocks and gone on with later.
class DecoderPass {
 public:
  using Clock = std::chrono::steady_clock;

  // x: [rows, hidden], rows of all groups in order.
  DecoderPass(const Decoder& decoder, at::Tensor x, std::vector<RowGroup> groups);

  // Runs at least one block, and more until `deadline`; true when all are done. Where it is cut
  // changes no result.
  bool run(Clock::time_point deadline);
  // Runs all that is left.
  void finish();

  const at::Tensor& hidden() const noexcept {
    return x_;
  }  // [rows, hidden], of the blocks run so far

 private:
  const Decoder& decoder_;
  at::Tensor x_;
  std::vector<RowGroup> groups_;
  size_t next_block_ = 0;
};

}  // namespace m3
