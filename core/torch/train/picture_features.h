// PictureFeatures: pictures as the trained projector takes them, by number. The tower sees a
// picture once; what it saw is rounded to float16, kept on disk, and the last ones in memory, so
// that numbers are the same whether they were just made or read. Threads: used from one thread at a
// time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/picture_fit.h"
#include "core/torch/graph_tower.h"
#include "core/torch/train/feature_cache.h"
#include "core/training_pictures.h"

namespace m3 {

class PictureFeatures {
 public:
  // tower_id: of its weights, graph and preprocessing. file: empty, or most_bytes 0: nothing is
  // kept on disk. The pictures are borrowed. Throws what FeatureCache throws.
  PictureFeatures(std::unique_ptr<const GraphTower> tower, const PictureFit& fit, at::Device device,
                  const TrainingPictures& pictures, const std::string& tower_id,
                  const std::string& file, int64_t most_bytes);

  // Sees to it that the picture's features are kept. Throws what TrainingPictures::load throws.
  void look_at(size_t picture);
  // [cells, features], float32 on the tower's device.
  at::Tensor of(size_t picture);

 private:
  at::Tensor kept(size_t picture);
  at::Tensor seen(size_t picture);

  const std::unique_ptr<const GraphTower> tower_;
  const PictureFit fit_;
  const at::Device device_;
  const TrainingPictures& pictures_;
  std::optional<FeatureCache> cache_;
  PictureFitter fitter_;
  std::list<std::pair<size_t, at::Tensor>> recent_;  // float16 [numbers], the last used first
  std::unordered_map<size_t, std::list<std::pair<size_t, at::Tensor>>::iterator> by_picture_;
};

}  // namespace m3
