#include "core/trainer.h"

#include <utility>

#include "core/engine_module.h"
#include "core/error.h"

namespace m3 {

Trainer::~Trainer() = default;

std::unique_ptr<Trainer> open_trainer(const TrainerOptions& options,
                                      const TrainingPictures& pictures, const ProgressFn& progress,
                                      std::stop_token stop) {
  if (options.model.starts_with("fake:") || options.model.starts_with("random:")) {
    throw Error(
        ErrorCode::kUnsupported,
        "Model \"" + options.model + "\" has no weights to begin with; give a model folder");
  }
  return open_trainer_module().open(options, pictures, progress, std::move(stop));
}

}  // namespace m3
