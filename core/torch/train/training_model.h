// TrainingModel: a model of our own layout, loaded so that it can learn: its tower, its language
// model with updates on top that gather gradients, and the tensors of projector and updates.
// Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <stop_token>
#include <string>

#include "core/model/model_config.h"
#include "core/torch/decoder.h"
#include "core/torch/graph_tower.h"
#include "core/torch/train/adapter_tensors.h"
#include "core/trainer.h"
#include "core/window_layout.h"

namespace m3 {

struct TrainingModel {
  ModelConfig config;
  std::string tower_id;  // 16 hex digits over tower, its weights and the picture's size
  std::string id;        // over all that does not learn
  at::Device device;
  at::ScalarType dtype;
  std::unique_ptr<const GraphTower> tower;
  AdapterTensors adapter;
  std::unique_ptr<const Decoder> decoder;
  WindowLayout layout;
};

// Throws as open_trainer() does.
TrainingModel load_training_model(const TrainerOptions& options, const ProgressFn& progress,
                                  std::stop_token stop);

// Writes the folder that `--model` takes: adapter, config with this rank and trained window, the
// tower's graph, and base weights that lie beside the config. A folder of that name is replaced.
struct TrainedWindow {
  int frames = 0;
  int visual_tokens = 0;
};
void write_model_folder(const TrainingModel& model, const TrainedWindow& window,
                        const std::string& folder);

}  // namespace m3
