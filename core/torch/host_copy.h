// HostCopy: numbers of a device on their way to the host. The copy is queued behind what the device
// has to do; nobody waits for it before take(). Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

namespace m3 {

class HostCopy {
 public:
  // values: [n], any dtype.
  explicit HostCopy(const at::Tensor& values);

  // Waits until they are there.
  std::vector<float> take();

 private:
  at::Tensor values_;                 // float32, on the host
  std::optional<c10::Event> copied_;  // none: they were there all the time
};

}  // namespace m3
