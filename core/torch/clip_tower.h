// ClipTower: a CLIP vision transformer up to the hidden state that a LLaVA model takes its features
// from (Radford et al. 2021; Hugging Face's CLIPVisionModel). Layers behind that state are neither
// loaded nor run, and the class token is dropped at the end. Threads: immutable; safe from any
// thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/model/llava_config.h"
#include "core/torch/linear.h"
#include "core/torch/vision.h"
#include "core/torch/weights.h"

namespace m3 {

class ClipTower final : public VisionTower {
 public:
  // Tensors vision_tower.*. feature_layers: hidden states 0..shape.layers, at least one; their
  // features are joined. Throws kCorrupt.
  ClipTower(TensorSource& weights, const ClipShape& shape, std::vector<int> feature_layers,
            at::Device device, at::ScalarType dtype);

  std::unique_ptr<TowerPass> begin(const at::Tensor& pixels) const override;
  // On the CPU one picture is work enough, and its features would not be the same in every batch.
  int64_t batch() const noexcept override { return places_.is_cpu() ? 1 : kPicturesOnGpu; }
  int64_t parameters() const noexcept override { return parameters_; }
  size_t layers() const noexcept { return layers_.size(); }  // that are run

 private:
  struct Norm {
    at::Tensor weight;
    at::Tensor bias;
  };
  struct Layer {
    Norm norm1;
    Linear qkv;  // rows of queries, then keys, then values
    Linear out;
    Norm norm2;
    Linear fc1;
    Linear fc2;
  };
  class Pass;
  at::Tensor embed(const at::Tensor& pixels) const;
  at::Tensor norm(const at::Tensor& x, const Norm& norm) const;
  at::Tensor run(const Layer& layer, const at::Tensor& x, int64_t batch) const;

  const ClipShape shape_;
  const std::vector<int> feature_layers_;
  Linear patches_;     // [3 * patch * patch] -> hidden
  at::Tensor class_;   // [1, hidden], its position added
  at::Tensor places_;  // [grid * grid, hidden]: positions of the patches
  Norm norm_before_;
  std::vector<Layer> layers_;
  int64_t parameters_ = 0;
};

}  // namespace m3
