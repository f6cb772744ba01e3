// LlavaProjector: a tower's features to the language model's width through two layers, W2 act(W1 x
// + b1) + b2. Threads: immutable; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/model/llava_config.h"
#include "core/torch/linear.h"
#include "core/torch/vision.h"
#include "core/torch/weights.h"

namespace m3 {

class LlavaProjector final : public Projector {
 public:
  // Tensors multi_modal_projector.linear_1 and linear_2. Throws kCorrupt.
  LlavaProjector(TensorSource& weights, const LlavaConfig& config, at::Device device,
                 at::ScalarType dtype);

  at::Tensor operator()(const at::Tensor& features) const override;
  int64_t parameters() const noexcept override { return into_.parameters() + out_.parameters(); }

 private:
  const Activation activation_;
  Linear into_;
  Linear out_;
};

}  // namespace m3
