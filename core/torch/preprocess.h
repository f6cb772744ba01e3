// Preprocessor: frames to the tower's input. The frame is resized on the caller's thread into a
// buffer of ours, so that the lender has it back at once; the bytes become numbers on the engine's
// thread, on the engine's device. Threads: Preprocessor is safe from any thread; to_pixels is a
// free function.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/frame.h"
#include "core/model/llava_config.h"
#include "core/picture_fit.h"

namespace m3 {

using PictureBytes = std::vector<uint8_t>;  // [size, size, 3], RGB

class Preprocessor {
 public:
  explicit Preprocessor(const PictureFit& fit) : fit_(fit) {}

  // Throws kInvalidArgument, kUnsupported. Give the buffer back with recycle().
  PictureBytes run(const FrameView& frame);
  void recycle(PictureBytes bytes);

 private:
  const PictureFit fit_;
  std::mutex mutex_;
  std::vector<PictureBytes> buffers_;  // guarded by mutex_
  std::vector<std::unique_ptr<PictureFitter>>
      fitters_;  // guarded by mutex_; one for each thread that is in run()
};

// The bytes as a tensor [3, size, size], borrowed.
at::Tensor picture_of(const PictureBytes& bytes, int64_t size_px);

// [B] pictures, uint8 [3, size, size] on any device -> [B, 3, size, size], channels-last: the bytes
// as they are, 0..255, or with `scale` as it says, computed in float32.
at::Tensor to_pixels(std::span<const at::Tensor> pictures, at::Device device, at::ScalarType dtype,
                     const std::optional<PixelScale>& scale = {});

}  // namespace m3
