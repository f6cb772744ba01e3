#include "core/torch/train/picture_features.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/torch/preprocess.h"

namespace m3 {
namespace {

constexpr size_t kMostRecent = 512;  // pictures, 127 MB of the default model

std::span<uint16_t> halves_of(const at::Tensor& tensor) {
  return {static_cast<uint16_t*>(tensor.mutable_data_ptr()), static_cast<size_t>(tensor.numel())};
}

}  // namespace

PictureFeatures::PictureFeatures(std::unique_ptr<const GraphTower> tower, const PictureFit& fit,
                                 at::Device device, const TrainingPictures& pictures,
                                 const std::string& tower_id, const std::string& file,
                                 int64_t most_bytes)
    : tower_(std::move(tower)), fit_(fit), device_(device), pictures_(pictures) {
  if (!file.empty() && most_bytes > 0) {
    cache_.emplace(file, tower_id, static_cast<size_t>(tower_->kept_numbers()), most_bytes);
  }
}

at::Tensor PictureFeatures::seen(size_t picture) {
  const RgbPicture loaded = pictures_.load(picture);
  FrameView frame;
  frame.format = PixelFormat::kRgb;
  frame.width_px = loaded.width_px;
  frame.height_px = loaded.height_px;
  frame.planes[0] = {loaded.rgb.data(), ptrdiff_t{3} * loaded.width_px};
  PictureBytes bytes(size_t{3} * static_cast<size_t>(fit_.size_px) *
                     static_cast<size_t>(fit_.size_px));
  fitter_.run(frame, fit_, bytes);
  const at::Tensor resized = picture_of(bytes, fit_.size_px);
  const at::Tensor pixels = to_pixels({&resized, 1}, device_, at::kFloat);
  return tower_->first_half(pixels).to(at::kCPU, at::kHalf);
}

at::Tensor PictureFeatures::kept(size_t picture) {
  if (const auto found = by_picture_.find(picture); found != by_picture_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return recent_.front().second;
  }
  if (picture >= pictures_.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "Training example: there is no picture " + std::to_string(picture));
  }
  const std::string key = pictures_.key(picture);
  at::Tensor numbers = at::empty({tower_->kept_numbers()}, at::TensorOptions().dtype(at::kHalf));
  if (!cache_ || !cache_->find(key, halves_of(numbers))) {
    numbers = seen(picture);
    if (cache_) cache_->add(key, halves_of(numbers));
  }
  if (recent_.size() >= kMostRecent) {
    by_picture_.erase(recent_.back().first);
    recent_.pop_back();
  }
  recent_.emplace_front(picture, numbers);
  by_picture_[picture] = recent_.begin();
  return numbers;
}

void PictureFeatures::look_at(size_t picture) {
  const at::NoGradGuard no_gradients;
  kept(picture);
}

at::Tensor PictureFeatures::of(size_t picture) {
  const at::NoGradGuard no_gradients;
  return tower_->second_half(kept(picture).to(device_)).squeeze(0);
}

}  // namespace m3
