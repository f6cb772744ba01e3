// WindowTarget: whom the rows of a TrainingBatch attend to: the prefix to itself, every window's
// rows to the prefix and to themselves as its mask says. The same as the session's targets
// (core/torch/kv_cache.h), but nothing is written in place and gradients flow through. Threads:
// used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/torch/decoder.h"
#include "core/torch/rope.h"
#include "core/torch/train/training_batch.h"

namespace m3 {

class WindowTarget final : public KvTarget {
 public:
  // The batch is borrowed.
  WindowTarget(const TrainingBatch& batch, const Rope& rope, const at::TensorOptions& options);
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  const TrainingBatch& batch_;
  RopeRows turns_;
  std::vector<at::Tensor> masks_;  // one a window: [rows, prefix + rows]
};

}  // namespace m3
