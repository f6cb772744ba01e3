#include "core/torch/encoder.h"

#include <memory>
#include <utility>

#include "core/error.h"
#include "core/torch/border.h"
#include "core/torch/token_pool.h"

namespace m3 {

FrameEncoder::FrameEncoder(const Model& model, Scheduler& scheduler)
    : model_(model), scheduler_(scheduler), preprocessor_(model.fit) {}

FrameEncoder::~FrameEncoder() {
  for (Job& job : jobs_) {
    job.result.set_exception(std::make_exception_ptr(
        Error(ErrorCode::kCancelled, "the engine was closed before the frame was encoded")));
  }
}

std::future<Tokens> FrameEncoder::encode(const EncodeRequest& request) {
  // The finest scale kept is the largest of the ladder within what was asked for.
  int keep = model_.ladder->front();
  for (const int scale : *model_.ladder) {
    if (scale <= request.keep_scale) keep = scale;
  }
  if (request.keep_scale < keep ||
      (keep != request.keep_scale && request.keep_scale < model_.ladder->back())) {
    throw Error(ErrorCode::kInvalidArgument,
                "encode: keep_scale = " + std::to_string(request.keep_scale) +
                    " is not a scale of the model's ladder");
  }
  Job job{preprocessor_.run(request.frame), keep, {}};
  std::future<Tokens> future = job.result.get_future();
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  scheduler_.post(WorkClass::kTower, [this] { run(); });
  return future;
}

void FrameEncoder::run() {
  Job job = [&] {
    const std::scoped_lock lock(mutex_);
    Job first = std::move(jobs_.front());
    jobs_.pop_front();
    return first;
  }();
  try {
    job.result.set_value(tokens_of(job));
  } catch (...) {
    job.result.set_exception(current_error("encoding a frame"));
  }
  preprocessor_.recycle(std::move(job.picture));
}

Tokens FrameEncoder::tokens_of(const Job& job) const {
  const int grid = model_.grid;
  const at::Tensor pixels =
      to_pixels({&job.picture, 1}, model_.fit.size_px, model_.device, model_.dtype, model_.pixels);
  const at::Tensor projected = (*model_.projector)((*model_.tower)(pixels))[0];
  const int keep_grid = grid_of(job.keep_scale);
  auto storage = std::make_shared<DeviceTokens>(keep_grid, pool_square(projected, grid, keep_grid));
  return Tokens(std::move(storage), model_.ladder);
}

}  // namespace m3
