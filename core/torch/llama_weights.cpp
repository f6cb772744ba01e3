#include "core/torch/llama_weights.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace m3 {
namespace {

// llama.cpp's converter interleaves the two halves of each head's q and k rows for its own kind of
// rotation; this puts them back into halves.
at::Tensor unpermute(const at::Tensor& weight, int64_t heads) {
  const int64_t half = weight.size(0) / heads / 2;
  return weight.reshape({heads, half, 2, weight.size(1)}).transpose(1, 2).reshape(weight.sizes());
}

class GgufLlama final : public LlamaWeights {
 public:
  GgufLlama(const Gguf& file, const LlmShape& shape) : source_(file), shape_(shape) {}

  at::Tensor embedding() override {
    return source_.take("token_embd.weight", {shape_.vocabulary, shape_.hidden});
  }
  at::Tensor final_norm() override { return source_.take("output_norm.weight", {shape_.hidden}); }
  at::Tensor head() override {
    return source_.take("output.weight", {shape_.vocabulary, shape_.hidden});
  }

  LlamaBlock block(int layer) override {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    const auto take = [&](const char* name, const Shape& shape) {
      return source_.take(prefix + name + ".weight", shape);
    };
    const int64_t hidden = shape_.hidden;
    const int64_t inner = shape_.intermediate;
    const int64_t q_rows = int64_t{shape_.heads} * shape_.head_dim;
    const int64_t kv_rows = int64_t{shape_.kv_heads} * shape_.head_dim;
    return {take("attn_norm", {hidden}),
            at::cat({unpermute(take("attn_q", {q_rows, hidden}), shape_.heads),
                     unpermute(take("attn_k", {kv_rows, hidden}), shape_.kv_heads),
                     take("attn_v", {kv_rows, hidden})}),
            take("attn_output", {hidden, q_rows}),
            take("ffn_norm", {hidden}),
            at::cat({take("ffn_gate", {inner, hidden}), take("ffn_up", {inner, hidden})}),
            take("ffn_down", {hidden, inner})};
  }

 private:
  GgufSource source_;
  const LlmShape shape_;
};

class NamedLlama final : public LlamaWeights {
 public:
  NamedLlama(TensorSource& tensors, const LlmShape& shape) : tensors_(tensors), shape_(shape) {}

  at::Tensor embedding() override {
    return tensors_.take("language_model.embed_tokens.weight", {shape_.vocabulary, shape_.hidden});
  }
  at::Tensor final_norm() override {
    return tensors_.take("language_model.norm.weight", {shape_.hidden});
  }
  at::Tensor head() override {
    return tensors_.take("lm_head.weight", {shape_.vocabulary, shape_.hidden});
  }

  LlamaBlock block(int layer) override {
    const std::string prefix = "language_model.layers." + std::to_string(layer) + ".";
    const int64_t hidden = shape_.hidden;
    const int64_t inner = shape_.intermediate;
    const int64_t q_rows = int64_t{shape_.heads} * shape_.head_dim;
    const int64_t kv_rows = int64_t{shape_.kv_heads} * shape_.head_dim;
    const auto weight = [&](const char* name, const Shape& shape) {
      return tensors_.take(prefix + name + ".weight", shape);
    };
    const auto bias = [&](const char* name, int64_t rows) {
      return tensors_.take(prefix + name + ".bias", {rows});
    };
    LlamaBlock block{
        weight("input_layernorm", {hidden}),
        at::cat({weight("self_attn.q_proj", {q_rows, hidden}),
                 weight("self_attn.k_proj", {kv_rows, hidden}),
                 weight("self_attn.v_proj", {kv_rows, hidden})}),
        weight("self_attn.o_proj", {hidden, q_rows}),
        weight("post_attention_layernorm", {hidden}),
        at::cat({weight("mlp.gate_proj", {inner, hidden}), weight("mlp.up_proj", {inner, hidden})}),
        weight("mlp.down_proj", {hidden, inner})};
    if (shape_.qkv_bias) {
      block.qkv_bias = at::cat({bias("self_attn.q_proj", q_rows), bias("self_attn.k_proj", kv_rows),
                                bias("self_attn.v_proj", kv_rows)});
    }
    if (shape_.out_bias) block.out_bias = bias("self_attn.o_proj", hidden);
    if (shape_.mlp_bias) {
      block.gate_up_bias = at::cat({bias("mlp.gate_proj", inner), bias("mlp.up_proj", inner)});
      block.down_bias = bias("mlp.down_proj", hidden);
    }
    return block;
  }

 private:
  TensorSource& tensors_;
  const LlmShape shape_;
};

class RandomLlama final : public LlamaWeights {
 public:
  RandomLlama(const LlmShape& shape, RandomSource& random) : shape_(shape), random_(random) {}

  // A normed row has length sqrt(hidden), so its products with these rows spread by `kLogitSpread`.
  at::Tensor embedding() override { return head(); }
  at::Tensor head() override {
    return random_.uniform({shape_.vocabulary, shape_.hidden},
                           kLogitSpread / std::sqrt(shape_.hidden));
  }
  at::Tensor final_norm() override { return at::ones({shape_.hidden}); }

  LlamaBlock block(int) override {
    const int64_t hidden = shape_.hidden;
    const int64_t heads = int64_t{shape_.heads} * shape_.head_dim;
    const int64_t rows = heads + int64_t{2} * shape_.kv_heads * shape_.head_dim;
    const int64_t inner = shape_.intermediate;
    LlamaBlock block{
        at::ones({hidden}), matrix(rows, hidden, 1),      matrix(hidden, heads, kWeightOfBlocks),
        at::ones({hidden}), matrix(2 * inner, hidden, 1), matrix(hidden, inner, kWeightOfBlocks)};
    if (shape_.qkv_bias) block.qkv_bias = random_.take({}, {rows});
    if (shape_.out_bias) block.out_bias = random_.take({}, {hidden});
    if (shape_.mlp_bias) {
      block.gate_up_bias = random_.take({}, {2 * inner});
      block.down_bias = random_.take({}, {hidden});
    }
    return block;
  }

 private:
  at::Tensor matrix(int64_t rows, int64_t inputs, double gain) {
    return random_.uniform({rows, inputs}, gain / std::sqrt(static_cast<double>(inputs)));
  }

  static constexpr double kLogitSpread = 3;
  // What blocks add must outweigh the embedding, or a tied head would only ever repeat the last
  // token.
  static constexpr double kWeightOfBlocks = 4;
  const LlmShape shape_;
  RandomSource& random_;
};

class UpdatedLlama final : public LlamaWeights {
 public:
  UpdatedLlama(std::unique_ptr<LlamaWeights> base, const LlmShape& shape,
               const UpdatesConfig& updates, TensorSource& adapter)
      : base_(std::move(base)), shape_(shape), updates_(updates), adapter_(adapter) {}

  at::Tensor embedding() override { return base_->embedding(); }
  at::Tensor final_norm() override { return base_->final_norm(); }
  at::Tensor head() override { return base_->head(); }

  LlamaBlock block(int layer) override {
    LlamaBlock block = base_->block(layer);
    const std::string prefix = "blocks." + std::to_string(layer) + ".";
    const int64_t q_rows = int64_t{shape_.heads} * shape_.head_dim;
    const int64_t kv_rows = int64_t{shape_.kv_heads} * shape_.head_dim;
    merge(block.qkv, prefix + "qkv", {q_rows, kv_rows, kv_rows});
    merge(block.out, prefix + "o", {shape_.hidden});
    merge(block.gate_up, prefix + "gu", {shape_.intermediate, shape_.intermediate});
    merge(block.down, prefix + "down", {shape_.hidden});
    return block;
  }

 private:
  // The parts of a fused matrix have their A stacked in one tensor and a B each.
  void merge(at::Tensor& weight, const std::string& name, const std::vector<int64_t>& part_rows) {
    if (updates_.full) weight.add_(adapter_.take(name + "_full", weight.sizes().vec()));
    if (updates_.rank == 0) return;
    const int64_t rank = updates_.rank;
    const int64_t parts = static_cast<int64_t>(part_rows.size());
    const at::Tensor a = adapter_.take(name + "_a", {parts * rank, weight.size(1)});
    int64_t row = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t rows = part_rows[static_cast<size_t>(part)];
      const at::Tensor b = adapter_.take(name + "_b." + std::to_string(part), {rows, rank});
      weight.narrow(0, row, rows).addmm_(b, a.narrow(0, part * rank, rank), 1, updates_.factor);
      row += rows;
    }
  }

  std::unique_ptr<LlamaWeights> base_;
  const LlmShape shape_;
  const UpdatesConfig updates_;
  TensorSource& adapter_;
};

// A metadata number that must be a positive int.
int positive(const Gguf& file, const std::string& key) {
  const int64_t value = file.integer(key);
  if (value <= 0 || value > (1 << 24)) {
    throw Error(ErrorCode::kCorrupt, file.path() + ": " + key + " is " + std::to_string(value));
  }
  return static_cast<int>(value);
}

}  // namespace

LlmShape read_llama_shape(const Gguf& file) {
  const std::string architecture = file.text("general.architecture");
  if (architecture != "llama") {
    throw Error(ErrorCode::kUnsupported, file.path() + ": architecture '" + architecture +
                                             "' is not one this build runs (llama)");
  }
  LlmShape shape;
  shape.hidden = positive(file, "llama.embedding_length");
  shape.intermediate = positive(file, "llama.feed_forward_length");
  shape.layers = positive(file, "llama.block_count");
  shape.heads = positive(file, "llama.attention.head_count");
  shape.kv_heads = file.contains("llama.attention.head_count_kv")
                       ? positive(file, "llama.attention.head_count_kv")
                       : shape.heads;
  shape.head_dim = file.contains("llama.attention.key_length")
                       ? positive(file, "llama.attention.key_length")
                       : shape.hidden / shape.heads;
  shape.context = positive(file, "llama.context_length");
  shape.vocabulary = static_cast<int>(file.tensor("token_embd.weight").shape.at(0));
  if (file.contains("llama.rope.freq_base")) shape.rope_theta = file.number("llama.rope.freq_base");
  shape.rms_epsilon = file.number("llama.attention.layer_norm_rms_epsilon");
  shape.tied_head = file.tensors().find("output.weight") == file.tensors().end();
  if (shape.heads % shape.kv_heads != 0 || shape.head_dim % 2 != 0) {
    throw Error(ErrorCode::kCorrupt, file.path() + ": " + std::to_string(shape.heads) +
                                         " heads of " + std::to_string(shape.head_dim) + " over " +
                                         std::to_string(shape.kv_heads) + " do not divide evenly");
  }
  return shape;
}

std::unique_ptr<LlamaWeights> llama_from_gguf(const Gguf& file, const LlmShape& shape) {
  return std::make_unique<GgufLlama>(file, shape);
}

std::unique_ptr<LlamaWeights> llama_from_tensors(TensorSource& tensors, const LlmShape& shape) {
  return std::make_unique<NamedLlama>(tensors, shape);
}

std::unique_ptr<LlamaWeights> random_llama(const LlmShape& shape, RandomSource& random) {
  return std::make_unique<RandomLlama>(shape, random);
}

std::unique_ptr<LlamaWeights> with_updates(std::unique_ptr<LlamaWeights> base,
                                           const LlmShape& shape, const UpdatesConfig& updates,
                                           TensorSource& adapter) {
  return std::make_unique<UpdatedLlama>(std::move(base), shape, updates, adapter);
}

}  // namespace m3
