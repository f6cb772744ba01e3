#include "core/torch/preprocess.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

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
  std::unique_ptr<RgbResizer> resizer;
  {
    const std::scoped_lock lock(mutex_);
    take_last(buffers_, bytes);
    take_last(resizers_, resizer);
  }
  if (!resizer) resizer = std::make_unique<RgbResizer>();
  bytes.resize(size_t{3} * size_px_ * size_px_);
  resizer->run(frame, size_px_, size_px_, bytes);
  const std::scoped_lock lock(mutex_);
  resizers_.push_back(std::move(resizer));
  return bytes;
}

void Preprocessor::recycle(PictureBytes bytes) {
  const std::scoped_lock lock(mutex_);
  buffers_.push_back(std::move(bytes));
}

at::Tensor to_pixels(std::span<const PictureBytes> pictures, int64_t size_px, at::Device device,
                     at::ScalarType dtype) {
  at::Tensor pixels =
      at::empty({static_cast<int64_t>(pictures.size()), 3, size_px, size_px},
                at::TensorOptions().device(device).dtype(dtype), at::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < pictures.size(); ++i) {
    // Never written to: from_blob has no form for constant memory.
    auto* data = const_cast<uint8_t*>(pictures[i].data());
    pixels[static_cast<int64_t>(i)].copy_(
        at::from_blob(data, {size_px, size_px, 3}, at::TensorOptions().dtype(at::kByte))
            .permute({2, 0, 1}));
  }
  return pixels;
}

}  // namespace m3
