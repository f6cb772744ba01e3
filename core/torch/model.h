// Model: everything of a model that is loaded once and shared by all streams.
// Threads: immutable after load; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/engine.h"
#include "core/model/model_config.h"
#include "core/torch/decoder.h"
#include "core/torch/graph_tower.h"
#include "core/torch/projector.h"
#include "core/window_layout.h"

namespace m3 {

struct Model {
  ModelConfig config;
  ModelInfo info;
  std::shared_ptr<const std::vector<int>> ladder;
  at::Device device;
  at::ScalarType dtype;
  GraphTower tower;
  Projector projector;
  Decoder decoder;
  WindowLayout layout;

  int64_t resident_bytes() const;  // of all weights
};

// "random:CONFIG.json[,SEED]" or what find_model() takes. To be called on the thread that will run
// the model. Throws whatever the readers throw, kCancelled when `stop` is requested.
std::unique_ptr<const Model> load_model(const EngineOptions& options, const ProgressFn& progress,
                                        std::stop_token stop);

}  // namespace m3
