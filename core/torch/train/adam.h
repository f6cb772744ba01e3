// Adam: AdamW without weight decay (Kingma and Ba 2015, Loshchilov and Hutter 2019) over a list of
// float32 tensors that have gathered gradients. Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace m3 {

class Adam {
 public:
  explicit Adam(std::vector<at::Tensor> tensors);

  // Makes gradients that together are longer than `clip` that long (0: leaves them), takes a step
  // and forgets them. rates: one a tensor. Returns the gradients' length before.
  double step(std::span<const double> rates, double clip);
  void forget_gradients();

  int64_t steps() const noexcept { return steps_; }
  // First and second moments, in the order of the tensors.
  const std::vector<at::Tensor>& first() const noexcept { return first_; }
  const std::vector<at::Tensor>& second() const noexcept { return second_; }
  void set_steps(int64_t steps);

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  std::vector<at::Tensor> counts_;  // of steps, one a tensor, as libtorch's kernel wants them
  int64_t steps_ = 0;
};

}  // namespace m3
