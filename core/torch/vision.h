// A frame's way from pixels to visual tokens of the finest scale, in two steps that each kind of
// model has its own of. Threads: towers and projectors are immutable and safe from any thread; a
// TowerPass is used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <memory>

namespace m3 {

// A batch of pictures on its way through a tower; can be left between two steps and gone on with
// later.
class TowerPass {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~TowerPass() = default;
  // Runs at least one step, and more until `deadline`; true when all are done. Where it is cut
  // changes no result.
  virtual bool run(Clock::time_point deadline) = 0;
  // What the finished pass gives, once: [B, grid * grid, features], cells row by row.
  virtual at::Tensor features() = 0;
};

class VisionTower {
 public:
  virtual ~VisionTower() = default;
  // pixels: [B, 3, size, size] of the tower's device and dtype, as the model's preprocessing makes
  // them. The pass borrows the tower.
  virtual std::unique_ptr<TowerPass> begin(const at::Tensor& pixels) const = 0;
  // How many pictures are worth going through it together, 1 or more: no more than what uses the
  // device well, and just one where a picture's features would depend on those beside it.
  virtual int64_t batch() const noexcept = 0;
  virtual int64_t parameters() const noexcept = 0;

  // The whole way at once: [B, grid * grid, features]
  at::Tensor operator()(const at::Tensor& pixels) const {
    const std::unique_ptr<TowerPass> pass = begin(pixels);
    pass->run(TowerPass::Clock::time_point::max());
    return pass->features();
  }
};

class Projector {
 public:
  virtual ~Projector() = default;
  // features: [B, cells, features] -> [B, cells, width of the language model]
  virtual at::Tensor operator()(const at::Tensor& features) const = 0;
  virtual int64_t parameters() const noexcept = 0;
};

// Pictures that a GPU takes together: its kernels choose their order of summing by the batch, so
// features differ in their last bits there as they do from device to device.
inline constexpr int64_t kPicturesOnGpu = 16;

}  // namespace m3
