// Preprocessor: frames to the tower's input. The frame is resized on the caller's thread into a
// buffer of ours, so that the lender has it back at once; the bytes become numbers on the engine's
// thread, on the engine's device. Threads: Preprocessor is safe from any thread; to_pixels is a
// free function.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/frame.h"
#include "core/resample.h"

namespace m3 {

using PictureBytes = std::vector<uint8_t>;  // [size, size, 3], RGB

class Preprocessor {
 public:
  explicit Preprocessor(int size_px) : size_px_(size_px) {}

  // Throws kInvalidArgument, kUnsupported. Give the buffer back with recycle().
  PictureBytes run(const FrameView& frame);
  void recycle(PictureBytes bytes);

 private:
  const int size_px_;
  std::mutex mutex_;
  std::vector<PictureBytes> buffers_;  // guarded by mutex_
  std::vector<std::unique_ptr<RgbResizer>>
      resizers_;  // guarded by mutex_; one for each thread that is in run()
};

// [B] pictures -> [B, 3, size, size], 0..255, channels-last.
at::Tensor to_pixels(std::span<const PictureBytes> pictures, int64_t size_px, at::Device device,
                     at::ScalarType dtype);

}  // namespace m3
