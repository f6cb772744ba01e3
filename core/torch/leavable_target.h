// What passes that several share are made of: a KvTarget that may leave while the others go on, and
// how many rows nobody needs fill a pass up. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/torch/decoder.h"

namespace m3 {

// Rows to put behind `rows` others so that passes come in few lengths, one more in eight at most.
int64_t padding_of(int64_t rows) noexcept;
// The same where the decoder wants few lengths; else none.
int64_t padding_of(int64_t rows, const Decoder& decoder) noexcept;

class LeavableTarget final : public KvTarget {
 public:
  // For rows that nobody needs.
  LeavableTarget() = default;
  // `target` is borrowed until leave().
  explicit LeavableTarget(KvTarget& target) : target_(&target) {}

  // The rows need no result any more, and the target is not touched again.
  void leave() noexcept { target_ = nullptr; }

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) override;

 private:
  KvTarget* target_ = nullptr;
};

}  // namespace m3
