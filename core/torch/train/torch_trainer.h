// TorchTrainer: the Trainer on libtorch. Threads: used from one thread at a time, the one that made
// it.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/torch/memory_pool.h"
#include "core/torch/train/adam.h"
#include "core/torch/train/picture_features.h"
#include "core/torch/train/training_batch.h"
#include "core/torch/train/training_model.h"
#include "core/trainer.h"

namespace m3 {

class TorchTrainer final : public Trainer {
 public:
  TorchTrainer(const TrainerOptions& options, const TrainingPictures& pictures,
               const ProgressFn& progress, std::stop_token stop);

  const std::vector<int>& ladder() const noexcept override { return model_.config.ladder; }
  std::string device() const override;
  int64_t learned_numbers() const noexcept override { return learned_numbers_; }

  void look_at(size_t picture) override;
  ProjectorStart fit_projector(std::span<const StartPicture> pictures) override;
  double step(std::span<const TrainingExample> examples, const StepOptions& options) override;
  double loss(std::span<const TrainingExample> examples, const StepOptions& options) override;
  void save(const std::string& path, const std::map<std::string, std::string>& notes) override;
  std::map<std::string, std::string> load(const std::string& path) override;
  void write_model(const std::string& folder) override;

  const AdapterTensors& adapter() const noexcept { return model_.adapter; }
  // The loss with its gradients gathered in adapter(), and no step taken.
  double gather_gradients(std::span<const TrainingExample> examples, const StepOptions& options);

 private:
  // learning: gradients are gathered.
  double run(std::span<const TrainingExample> examples, const StepOptions& options, bool learning);
  at::Tensor batch_loss(const TrainingBatch& batch);
  at::Tensor visual_tokens(const TrainingBatch& batch);
  at::Tensor gist_embedding(const std::string& gist) const;

  const PooledMemory pooled_;
  TrainingModel model_;
  PictureFeatures features_;
  Adam adam_;
  int64_t learned_numbers_ = 0;
  TrainedWindow largest_;  // of what was learned from
};

}  // namespace m3
