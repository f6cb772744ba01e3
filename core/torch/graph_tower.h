// GraphTower: a vision tower given as a list of plain operations in a JSON file
// (docs/model-format.md), with its weights in a TensorSource. Every name, number and shape of the
// file is checked when it is loaded. Threads: immutable; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model_config.h"
#include "core/torch/convolution.h"
#include "core/torch/graph_reader.h"
#include "core/torch/vision.h"
#include "core/torch/weights.h"

namespace m3 {

class GraphTower final : public VisionTower {
 public:
  // Throws kNotFound, kCorrupt (naming the file and what is wrong).
  GraphTower(const std::string& graph_path, TensorSource& weights, const TowerConfig& config,
             int size_px, at::Device device, at::ScalarType dtype);

  // pixels: [B, 3, size, size], 0..255, channels-last, of the tower's device and dtype
  std::unique_ptr<TowerPass> begin(const at::Tensor& pixels) const override;
  // Convolutions on the CPU are chosen by the batch's size.
  int64_t batch() const noexcept override { return on_cpu_ ? 1 : kPicturesOnGpu; }
  int64_t parameters() const noexcept override { return parameters_; }

  // The same in two halves, cut where the fewest numbers are on their way: what is worth keeping
  // of a picture. One picture at a time. pixels: [1, 3, size, size] -> [kept_numbers()], of the
  // tower's dtype.
  at::Tensor first_half(const at::Tensor& pixels) const;
  // kept: what first_half() gave, of any float dtype -> [1, grid * grid, features]
  at::Tensor second_half(const at::Tensor& kept) const;
  int64_t kept_numbers() const noexcept { return kept_numbers_; }

 private:
  class Pass;
  struct Step {
    GraphStep what;
    std::optional<Convolution> convolution;
    std::vector<size_t> last_used;  // values that nothing needs after this step
  };
  static at::Tensor run(const Step& step, const std::vector<at::Tensor>& values);
  void run(size_t first, size_t last, std::vector<at::Tensor>& values) const;
  void find_cut(const std::vector<std::array<int64_t, 3>>& shapes);
  static at::Tensor cells_of(const at::Tensor& output);

  // A value that is on its way at the cut.
  struct Kept {
    size_t value;
    std::array<int64_t, 3> shape;  // channels, height, width
    int64_t numbers;
  };

  const bool on_cpu_;
  std::vector<Step> steps_;
  size_t values_ = 0;  // value 0 is the input
  size_t output_ = 0;
  int64_t parameters_ = 0;
  size_t cut_ = 0;  // steps of the first half
  std::vector<Kept> kept_;
  int64_t kept_numbers_ = 0;
  at::ScalarType dtype_;
};

}  // namespace m3
