#include "core/torch/decoder.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>

#include <utility>

#include "core/torch/panel_matrix.h"

namespace m3 {

Decoder::Decoder(const LlmShape& shape, LlamaWeights& weights, at::Device device,
                 at::ScalarType dtype, const std::function<void(double)>& on_block,
                 const LinearMaker& make)
    : shape_(shape),
      rope_(shape.context, shape.head_dim, shape.rope_theta, device, dtype, shape.rope_scaling) {
  const at::Tensor embedding = weights.embedding();
  embedding_ = embedding.to(device, dtype);
  const auto made = [&](int layer, DecoderPart part, const at::Tensor& weight,
                        const at::Tensor& bias) {
    return make ? make(layer, part, weight, bias) : Linear(weight, bias, device, dtype);
  };
  head_ = made(-1, DecoderPart::kHead, shape.tied_head ? embedding : weights.head(), {});
  final_norm_ = weights.final_norm().to(device, dtype);
  parameters_ = embedding.numel() + final_norm_.numel();
  if (!shape.tied_head) parameters_ += head_.parameters();
  for (int layer = 0; layer < shape.layers; ++layer) {
    const LlamaBlock block = weights.block(layer);
    const auto linear = [&](DecoderPart part, const at::Tensor& weight, const at::Tensor& bias) {
      Linear matrix = made(layer, part, weight, bias);
      parameters_ += matrix.parameters();
      return matrix;
    };
    blocks_.push_back({block.norm_attention.to(device, dtype),
                       linear(DecoderPart::kQkv, block.qkv, block.qkv_bias),
                       linear(DecoderPart::kOut, block.out, block.out_bias),
                       block.norm_mlp.to(device, dtype),
                       linear(DecoderPart::kGateUp, block.gate_up, block.gate_up_bias),
                       linear(DecoderPart::kDown, block.down, block.down_bias)});
    parameters_ += block.norm_attention.numel() + block.norm_mlp.numel();
    on_block(static_cast<double>(layer + 1) / shape.layers);
  }
}

int64_t Decoder::block_parameters() const noexcept {
  int64_t sum = 0;
  for (const Block& block : blocks_) {
    sum += block.qkv.parameters() + block.out.parameters() + block.gate_up.parameters() +
           block.down.parameters();
  }
  return sum;
}

int64_t Decoder::resident_numbers() const {
  return parameters_ + (shape_.tied_head ? head_.parameters() : 0);
}

bool Decoder::wants_few_lengths() const {
  return !PanelMatrix::suits(embedding_.device(), embedding_.scalar_type());
}

at::Tensor Decoder::embed(std::span<const int32_t> ids) const {
  const at::Tensor index = at::tensor(at::ArrayRef<int32_t>(ids.data(), ids.size()),
                                      at::TensorOptions().dtype(at::kInt));
  return at::embedding(embedding_, index.to(embedding_.device()));
}

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
  return head_(norm(hidden, final_norm_));
}

at::Tensor Decoder::norm(const at::Tensor& x, const at::Tensor& weight) const {
  return at::rms_norm(x, weight.sizes(), weight, shape_.rms_epsilon);
}

at::Tensor Decoder::run_block(size_t layer, const at::Tensor& x,
                              const std::vector<RowGroup>& groups) const {
  const Block& block = blocks_[layer];
  const int64_t rows = x.size(0);
  const int64_t heads = shape_.heads;
  const int64_t kv_heads = shape_.kv_heads;
  const at::Tensor qkv =
      block.qkv(norm(x, block.norm_attention)).view({rows, heads + 2 * kv_heads, shape_.head_dim});
  const at::Tensor q = qkv.narrow(1, 0, heads);
  const at::Tensor k = qkv.narrow(1, heads, kv_heads);
  const at::Tensor v = qkv.narrow(1, heads + kv_heads, kv_heads);
  at::Tensor attended;
  if (groups.size() == 1) {
    attended = groups.front().target->attend(static_cast<int64_t>(layer), q, k, v);
  } else {
    attended = at::empty({rows, heads * shape_.head_dim}, x.options());
    int64_t row = 0;
    for (const RowGroup& group : groups) {
      attended.narrow(0, row, group.rows)
          .copy_(group.target->attend(static_cast<int64_t>(layer), q.narrow(0, row, group.rows),
                                      k.narrow(0, row, group.rows), v.narrow(0, row, group.rows)));
      row += group.rows;
    }
  }
  const at::Tensor y = block.out.add(attended, x);
  const at::Tensor gate_up = block.gate_up(norm(y, block.norm_mlp));
  const at::Tensor gate = at::silu(gate_up.narrow(1, 0, shape_.intermediate));
  const at::Tensor up = gate_up.narrow(1, shape_.intermediate, shape_.intermediate);
  // Gradients need the gate as it was.
  const at::Tensor gated = gate.requires_grad() ? at::mul(gate, up) : gate.mul_(up);
  return block.down.add(gated, y);
}

DecoderPass::DecoderPass(const Decoder& decoder, at::Tensor x, std::vector<RowGroup> groups)
    : decoder_(decoder), x_(std::move(x)), groups_(std::move(groups)) {}

bool DecoderPass::run(Clock::time_point deadline) {
  while (next_block_ < decoder_.blocks_.size()) {
    x_ = decoder_.run_block(next_block_++, x_, groups_);
    if (Clock::now() >= deadline) break;
  }
  return next_block_ == decoder_.blocks_.size();
}

void DecoderPass::finish() { run(Clock::time_point::max()); }

}  // namespace m3
