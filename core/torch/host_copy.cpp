#include "core/torch/host_copy.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace m3 {

HostCopy::HostCopy(const at::Tensor& values)
    : values_(values.to(at::TensorOptions(at::kCPU).dtype(at::kFloat), true)) {
  if (values.is_cpu()) return;
  copied_.emplace(values.device().type());
  copied_->record(c10::impl::VirtualGuardImpl(values.device().type()).getStream(values.device()));
}

std::vector<float> HostCopy::take() {
  if (copied_) copied_->synchronize();
  const at::Tensor all = values_.contiguous();
  return {all.const_data_ptr<float>(), all.const_data_ptr<float>() + all.numel()};
}

}  // namespace m3
