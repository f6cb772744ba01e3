#include "plugins/engine_loader.h"

#include <utility>

#include "core/error.h"
#include "plugins/glue.h"

namespace m3 {
namespace {

constexpr char kProgressCode[] = "load-model";

}  // namespace

EngineLoader::EngineLoader(GstElement* element, CheckFn check)
    : element_(element), check_(std::move(check)) {}

void EngineLoader::start(const EngineOptions& options) {
  if (options_ == options) return;
  stop();
  options_ = options;
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kLoading;
  }
  thread_ = std::jthread([this, options](std::stop_token stop) { load(options, std::move(stop)); });
}

void EngineLoader::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  options_.reset();
  finish(State::kIdle, nullptr);
}

EngineLoader::State EngineLoader::wait_for(std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return state_ != State::kLoading; });
  return state_;
}

std::shared_ptr<Engine> EngineLoader::engine() const {
  const std::lock_guard lock(mutex_);
  return engine_;
}

void EngineLoader::load(const EngineOptions& options, std::stop_token stop) {
  // Debuggers and top(1) show this name.
  pthread_setname_np(pthread_self(), "m3-load");
  post_progress(GST_PROGRESS_TYPE_START, "Loading the model " + options.model, 0);
  const auto progress = [this](double fraction, std::string_view what) {
    post_progress(GST_PROGRESS_TYPE_CONTINUE, std::string(what), fraction);
  };
  try {
    std::shared_ptr<Engine> engine = shared_engine(options, progress, std::move(stop));
    check_(engine->info());
    const std::string name = engine->info().name;
    finish(State::kReady, std::move(engine));
    post_progress(GST_PROGRESS_TYPE_COMPLETE, "The model " + name + " is ready", 1);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) {
      finish(State::kIdle, nullptr);
      post_progress(GST_PROGRESS_TYPE_CANCELED, error.what(), 0);
      return;
    }
    // The error goes first: who sees kFailed may rely on it being on the bus.
    post_error(element_, __func__, error);
    finish(State::kFailed, nullptr);
    post_progress(GST_PROGRESS_TYPE_ERROR, error.what(), 0);
  }
}

void EngineLoader::finish(State state, std::shared_ptr<Engine> engine) {
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
    engine_.swap(engine);
  }
  changed_.notify_all();
  // What is let go here, perhaps for the last time, ends without the lock.
}

void EngineLoader::post_progress(GstProgressType type, const std::string& text, double fraction) {
  GstMessage* message =
      gst_message_new_progress(GST_OBJECT(element_), type, kProgressCode, text.c_str());
  gst_structure_set(gst_message_writable_structure(message), "fraction", G_TYPE_DOUBLE, fraction,
                    nullptr);
  gst_element_post_message(element_, message);
}

}  // namespace m3
