// Weights from files as float32 tensors on the CPU. Files were checked by their readers; here the
// shape is held against what the model needs. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/model/checkpoint.h"
#include "core/model/gguf.h"
#include "core/model/safetensors.h"

namespace m3 {

using Shape = std::vector<int64_t>;

// Where a model's tensors come from, by name.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  // float32, contiguous, its own memory. Throws kCorrupt when the tensor is missing or of another
  // shape.
  virtual at::Tensor take(const std::string& name, const Shape& shape) = 0;
};

class SafetensorsSource final : public TensorSource {
 public:
  explicit SafetensorsSource(const std::string& path) : file_(Safetensors::open(path)) {}
  at::Tensor take(const std::string& name, const Shape& shape) override;

 private:
  Safetensors file_;
};

class GgufSource final : public TensorSource {
 public:
  explicit GgufSource(const Gguf& file) : file_(file) {}
  at::Tensor take(const std::string& name, const Shape& shape) override;

 private:
  const Gguf& file_;
};

class CheckpointSource final : public TensorSource {
 public:
  explicit CheckpointSource(Checkpoint checkpoint) : checkpoint_(std::move(checkpoint)) {}
  at::Tensor take(const std::string& name, const Shape& shape) override;

  const Checkpoint& checkpoint() const noexcept { return checkpoint_; }

 private:
  Checkpoint checkpoint_;
};

// Seeded uniform numbers around 0. Their spread keeps signals of about the same size from layer to
// layer: 1/sqrt(inputs) for matrices and convolutions, 0.1 for vectors. The same seed and order of
// calls give the same numbers everywhere.
class RandomSource final : public TensorSource {
 public:
  explicit RandomSource(uint64_t seed) : state_(seed) {}
  at::Tensor take(const std::string& name, const Shape& shape) override;
  at::Tensor uniform(const Shape& shape, double spread);  // spread: the standard deviation

 private:
  uint64_t state_;
};

}  // namespace m3
