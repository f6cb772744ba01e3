#include "core/torch/convolution.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/torch/onednn.h"

namespace m3 {
namespace {

constexpr std::array<int64_t, 2> kNoDilation{1, 1};

// Operators take one padding for both sides. Where the right or lower side needs more, the kernel
// grows by zeros on the left or above, and both sides are padded by the larger number: the same
// sums in the same places.
at::Tensor even_out(const at::Tensor& weight, const std::array<int64_t, 4>& pad) {
  const int64_t more_right = std::max<int64_t>(pad[1] - pad[0], 0);
  const int64_t more_left = std::max<int64_t>(pad[0] - pad[1], 0);
  const int64_t more_below = std::max<int64_t>(pad[3] - pad[2], 0);
  const int64_t more_above = std::max<int64_t>(pad[2] - pad[3], 0);
  const int64_t height = weight.size(2);
  const int64_t width = weight.size(3);
  at::Tensor grown = at::zeros({weight.size(0), weight.size(1), height + more_below + more_above,
                                width + more_right + more_left},
                               weight.options());
  grown.narrow(2, more_below, height).narrow(3, more_right, width).copy_(weight);
  return grown;
}

}  // namespace

Convolution::Convolution(const ConvolutionSpec& spec, const at::Tensor& weight,
                         const at::Tensor& bias, int64_t height, int64_t width, at::Device device,
                         at::ScalarType dtype)
    : stride_{spec.stride, spec.stride},
      pad_{std::max(spec.pad[2], spec.pad[3]), std::max(spec.pad[0], spec.pad[1])},
      groups_(spec.groups),
      relu6_(spec.relu6),
      weight_(even_out(weight, spec.pad).to(device, dtype)),
      bias_(bias.to(device, dtype)) {
  const auto* operators = onednn::convolution_operators();
  // In bfloat16 the blocked layout wants instructions that not every CPU has; the plain operator
  // knows what to do.
  if (device.is_cpu() && dtype == at::kFloat && operators != nullptr) {
    const std::vector<int64_t> input{1, spec.shape[1] * spec.groups, height, width};
    weight_ = operators->reorder.call(weight_, pad_, stride_, kNoDilation, groups_, input);
    blocked_ = true;
  } else {
    weight_ = weight_.contiguous(at::MemoryFormat::ChannelsLast);
  }
}

at::Tensor Convolution::operator()(const at::Tensor& x) const {
  if (!blocked_) {
    at::Tensor y = at::conv2d(x, weight_, bias_, stride_, pad_, kNoDilation, groups_);
    return relu6_ ? y.clamp_(0, 6) : y;
  }
  onednn::Scalars limits;
  if (relu6_) {
    limits.push_back(at::Scalar(0.0));
    limits.push_back(at::Scalar(6.0));
  }
  return onednn::convolution_operators()->plain.call(x, weight_, bias_, pad_, stride_, kNoDilation,
                                                     groups_, relu6_ ? "hardtanh" : "none", limits,
                                                     std::nullopt);
}

}  // namespace m3
