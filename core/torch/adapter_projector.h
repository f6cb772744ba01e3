// AdapterProjector: a tower's features to the LLM's width: y = L x' + F2 gelu(F1 x' + place_hidden)
// + place_out with x' = (x - mean) * scale, where the two place tables are by cell. Standardising
// and biases are folded into the matrices and tables at load. Threads: immutable; safe from any
// thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/torch/linear.h"
#include "core/torch/vision.h"
#include "core/torch/weights.h"

namespace m3 {

// The projector's tensors as they are learned, behind the standardising of features; the shapes
// are those of docs/model-format.md.
struct ProjectorTensors {
  at::Tensor linear_weight;
  at::Tensor linear_bias;
  at::Tensor fc1_weight;
  at::Tensor fc1_bias;
  at::Tensor fc2_weight;
  at::Tensor fc2_bias;
  at::Tensor place_hidden;
  at::Tensor place_out;
};

class AdapterProjector final : public Projector {
 public:
  // Tensors proj.*; cells: of one picture.
  AdapterProjector(TensorSource& weights, int64_t features, int64_t hidden, int64_t width,
                   int64_t cells, at::Device device, at::ScalarType dtype);

  // For features that are standardised already; gradients flow to the tensors. Computes in
  // `dtype`.
  AdapterProjector(const ProjectorTensors& tensors, at::ScalarType dtype);

  // features: [B, cells, features] -> [B, cells, width]
  at::Tensor operator()(const at::Tensor& features) const override;

  int64_t parameters() const noexcept override { return parameters_; }

 private:
  Linear into_;              // features -> hidden + width: F1 and L as one matrix
  Linear out_;               // F2
  at::Tensor place_hidden_;  // [cells, hidden], with F1's bias
  at::Tensor place_out_;     // [cells, width], with the biases of L and F2
  int64_t parameters_ = 0;
};

}  // namespace m3
