#include "core/torch/encoder.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

#include "core/error.h"
#include "core/torch/border.h"
#include "core/torch/token_pool.h"

namespace m3 {

FrameEncoder::FrameEncoder(const Model& model, Scheduler& scheduler, size_t most_together,
                           TowerPass::Clock::duration unit)
    : model_(model),
      scheduler_(scheduler),
      preprocessor_(model.fit),
      on_device_(model.fit, model.device),
      most_together_(most_together > 0 ? most_together : static_cast<size_t>(model.tower->batch())),
      unit_(unit) {}

FrameEncoder::~FrameEncoder() {
  const auto cancel = [](Job& job) {
    job.result.set_exception(std::make_exception_ptr(
        Error(ErrorCode::kCancelled, "the engine was closed before the frame was encoded")));
  };
  for (Job& job : batch_) cancel(job);
  for (Job& job : jobs_) cancel(job);
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
  Job job = read(request.frame, keep);
  std::future<Tokens> future = job.result.get_future();
  const std::scoped_lock lock(mutex_);
  jobs_.push_back(std::move(job));
  post();
  return future;
}

FrameEncoder::Job FrameEncoder::read(const FrameView& frame, int keep_scale) {
  if (frame.memory == MemoryKind::kCuda) {
    if (!model_.device.is_cuda()) {
      throw Error(ErrorCode::kUnsupported,
                  "a frame in CUDA memory was given, but the model runs on " + model_.device.str() +
                      "; download it or give device=cuda");
    }
    return {{}, on_device_.run(frame), keep_scale, {}};
  }
  Job job{preprocessor_.run(frame), {}, keep_scale, {}};
  job.picture = picture_of(job.bytes, model_.fit.size_px);  // stays where it is when a Job moves
  return job;
}

void FrameEncoder::post() {
  if (std::exchange(posted_, true)) return;
  scheduler_.post(WorkClass::kTower, [this] { run(); });
}

void FrameEncoder::run() {
  {
    const std::scoped_lock lock(mutex_);
    posted_ = false;
  }
  try {
    if (batch_.empty()) begin();
    if (pass_ && pass_->run(TowerPass::Clock::now() + unit_)) end();
  } catch (...) {
    end_failed(current_error("encoding a frame"));
  }
  const std::scoped_lock lock(mutex_);
  if (!batch_.empty() || !jobs_.empty()) post();
}

void FrameEncoder::begin() {
  const size_t most = alone_ > 0 ? 1 : most_together_;
  if (alone_ > 0) --alone_;
  {
    const std::scoped_lock lock(mutex_);
    while (!jobs_.empty() && batch_.size() < most) {
      batch_.push_back(std::move(jobs_.front()));
      jobs_.pop_front();
    }
  }
  if (batch_.empty()) return;
  std::vector<at::Tensor> pictures;
  for (Job& job : batch_) {
    if (job.bytes.empty()) {
      // Made on the frame's stream; its memory must not be reused before this one is done with it.
      const c10::impl::VirtualGuardImpl guard(model_.device.type());
      job.picture.record_stream(guard.getStream(model_.device));
    }
    pictures.push_back(job.picture);
  }
  pass_ = model_.tower->begin(to_pixels(pictures, model_.device, model_.dtype, model_.pixels));
}

void FrameEncoder::end() {
  const at::Tensor projected = (*model_.projector)(pass_->features());
  pass_.reset();
  std::vector<Job> done = std::exchange(batch_, {});
  for (size_t i = 0; i < done.size(); ++i) {
    Job& job = done[i];
    try {
      const int keep_grid = grid_of(job.keep_scale);
      at::Tensor values = pool_square(projected[static_cast<int64_t>(i)], model_.grid, keep_grid);
      // A picture's tokens must not hold those of the whole batch.
      if (done.size() > 1 && keep_grid == model_.grid) values = values.clone();
      job.result.set_value(
          Tokens(std::make_shared<DeviceTokens>(keep_grid, std::move(values)), model_.ladder));
    } catch (...) {
      job.result.set_exception(current_error("encoding a frame"));
    }
    release(job);
  }
}

// What is too much for several pictures together may do for each alone.
void FrameEncoder::end_failed(const std::exception_ptr& error) {
  pass_.reset();
  std::vector<Job> failed = std::exchange(batch_, {});
  if (failed.size() > 1) {
    const std::scoped_lock lock(mutex_);
    alone_ += failed.size();
    for (auto job = failed.rbegin(); job != failed.rend(); ++job) {
      jobs_.push_front(std::move(*job));
    }
    return;
  }
  for (Job& job : failed) {
    job.result.set_exception(error);
    release(job);
  }
}

void FrameEncoder::release(Job& job) {
  job.picture.reset();
  if (!job.bytes.empty()) preprocessor_.recycle(std::move(job.bytes));
}

}  // namespace m3
