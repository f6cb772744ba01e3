#include "core/torch/preprocess.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <utility>

namespace m3 {
namespace {

template <typename T>
bool take_last(std::vector<T>& from, T& into) {
  if (from.empty()) return false;
  into = std::move(from.back());
  from.pop_back();
  return true;
}

}  // namespace

PictureBytes Preprocessor::run(const FrameView& frame) {
  PictureBytes bytes;
  std::unique_ptr<PictureFitter> fitter;
  {
    const std::scoped_lock lock(mutex_);
    take_last(buffers_, bytes);
    take_last(fitters_, fitter);
  }
  if (!fitter) fitter = std::make_unique<PictureFitter>();
  bytes.resize(size_t{3} * static_cast<size_t>(fit_.size_px) * static_cast<size_t>(fit_.size_px));
  fitter->run(frame, fit_, bytes);
  const std::scoped_lock lock(mutex_);
  fitters_.push_back(std::move(fitter));
  return bytes;
}

void Preprocessor::recycle(PictureBytes bytes) {
  const std::scoped_lock lock(mutex_);
  buffers_.push_back(std::move(bytes));
}

at::Tensor picture_of(const PictureBytes& bytes, int64_t size_px) {
  // Never written to: from_blob has no form for constant memory.
  auto* data = const_cast<uint8_t*>(bytes.data());
  return at::from_blob(data, {size_px, size_px, 3}, at::TensorOptions().dtype(at::kByte))
      .permute({2, 0, 1});
}

at::Tensor to_pixels(std::span<const at::Tensor> pictures, at::Device device, at::ScalarType dtype,
                     const std::optional<PixelScale>& scale) {
  const at::Tensor& first = pictures.front();
  at::Tensor pixels =
      at::empty({static_cast<int64_t>(pictures.size()), 3, first.size(1), first.size(2)},
                at::TensorOptions().device(device).dtype(scale ? at::kFloat : dtype),
                at::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < pictures.size(); ++i) {
    pixels[static_cast<int64_t>(i)].copy_(pictures[i]);
  }
  if (!scale) return pixels;
  const auto channels = [&](const std::array<double, 3>& values) {
    return at::tensor(at::ArrayRef<double>(values), at::TensorOptions().dtype(at::kFloat))
        .view({3, 1, 1})
        .to(device);
  };
  return pixels.mul_(scale->rescale)
      .sub_(channels(scale->mean))
      .div_(channels(scale->std))
      .to(dtype);
}

}  // namespace m3
