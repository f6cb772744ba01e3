// The weights of a Llama-family language model, block by block, from a GGUF file or made on the
// spot, with the updates of an adapter merged in: y = (W + full) x + factor * B (A x) becomes one
// matrix, in float32. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "core/model/gguf.h"
#include "core/model/model_config.h"
#include "core/torch/weights.h"

namespace m3 {

// float32 on the CPU; linear weights are [out, in].
struct LlamaBlock {
  at::Tensor norm_attention;  // [hidden]
  at::Tensor qkv;             // rows of q, then k, then v
  at::Tensor out;
  at::Tensor norm_mlp;  // [hidden]
  at::Tensor gate_up;   // rows of gate, then up
  at::Tensor down;
  // In the order of the rows above; undefined where the shape has none.
  at::Tensor qkv_bias;
  at::Tensor out_bias;
  at::Tensor gate_up_bias;
  at::Tensor down_bias;
};

class LlamaWeights {
 public:
  virtual ~LlamaWeights() = default;
  virtual at::Tensor embedding() = 0;   // [vocabulary, hidden]
  virtual at::Tensor final_norm() = 0;  // [hidden]
  virtual at::Tensor head() = 0;        // [vocabulary, hidden]; not asked for when the head is tied
  virtual LlamaBlock block(int layer) = 0;
};

// Shape as the file's metadata say. Throws kUnsupported for another architecture than llama,
// kCorrupt.
LlmShape read_llama_shape(const Gguf& file);

// `file` is borrowed.
std::unique_ptr<LlamaWeights> llama_from_gguf(const Gguf& file, const LlmShape& shape);

// Tensors language_model.* and lm_head.weight in the names of core/model/checkpoint.h; `tensors` is
// borrowed.
std::unique_ptr<LlamaWeights> llama_from_tensors(TensorSource& tensors, const LlmShape& shape);

// Random weights whose logits have a standard deviation of about 3.
std::unique_ptr<LlamaWeights> random_llama(const LlmShape& shape, RandomSource& random);

// `base` with the updates of `adapter` merged in: tensors blocks.N.{qkv,o,gu,down}_{a,b.K} of
// low-rank updates, or _full. The adapter is borrowed.
std::unique_ptr<LlamaWeights> with_updates(std::unique_ptr<LlamaWeights> base,
                                           const LlmShape& shape, const UpdatesConfig& updates,
                                           TensorSource& adapter);

}  // namespace m3
