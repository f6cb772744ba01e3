// Model: everything of a model that is loaded once and shared by all streams.
// Threads: immutable after load; safe from any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/engine.h"
#include "core/model/llava_config.h"
#include "core/picture_fit.h"
#include "core/torch/decoder.h"
#include "core/torch/vision.h"
#include "core/window_layout.h"

namespace m3 {

struct Model {
  ModelInfo info;
  std::shared_ptr<const std::vector<int>> ladder;
  at::Device device;
  at::ScalarType dtype;
  PictureFit fit;
  std::optional<PixelScale> pixels;  // none: the tower takes bytes, 0..255
  int grid = 0;                      // cells a side
  std::unique_ptr<const VisionTower> tower;
  std::unique_ptr<const Projector> projector;
  Decoder decoder;
  WindowLayout layout;
};

// "random:CONFIG.json[,SEED]" or what find_model() takes. To be called on the thread that will run
// the model. Throws whatever the readers throw, kOutOfMemory before anything is allocated when the
// weights cannot fit, kCancelled when `stop` is requested.
std::unique_ptr<const Model> load_model(const EngineOptions& options, const ProgressFn& progress,
                                        std::stop_token stop);

}  // namespace m3
