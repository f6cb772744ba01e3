// A frame's way from pixels to visual tokens of the finest scale, in two steps that each kind of
// model has its own of. Threads: immutable; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace m3 {

class VisionTower {
 public:
  virtual ~VisionTower() = default;
  // pixels: [B, 3, size, size] of the tower's device and dtype, as the model's preprocessing makes
  // them -> [B, grid * grid, features], cells row by row.
  virtual at::Tensor operator()(const at::Tensor& pixels) const = 0;
  virtual int64_t parameters() const noexcept = 0;
};

class Projector {
 public:
  virtual ~Projector() = default;
  // features: [B, cells, features] -> [B, cells, width of the language model]
  virtual at::Tensor operator()(const at::Tensor& features) const = 0;
  virtual int64_t parameters() const noexcept = 0;
};

}  // namespace m3
