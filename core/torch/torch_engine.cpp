// The engine module's entries: open models on libtorch, for answers and for training. The parts
// know each other only through their headers; here they are put together.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "core/engine.h"
#include "core/error.h"
#include "core/torch/answerer.h"
#include "core/torch/border.h"
#include "core/torch/encoder.h"
#include "core/torch/memory_advice.h"
#include "core/torch/memory_check.h"
#include "core/torch/memory_pool.h"
#include "core/torch/model.h"
#include "core/torch/prefiller.h"
#include "core/torch/scheduler.h"
#include "core/torch/session.h"
#include "core/torch/trace.h"
#include "core/torch/train/torch_trainer.h"
#include "core/trainer.h"

namespace m3 {
namespace {

// What engine and sessions share. Destroyed from the last member to the first: the thread ends
// before what it uses.
class Core {
 public:
  explicit Core(int threads)
      : scheduler_([threads](const std::function<void()>& loop) {
          // All are settings of a thread, this one's.
          if (threads > 0) at::set_num_threads(threads);
          const PooledMemory pooled;
          const c10::InferenceMode inference;
          loop();
        }) {}

  // Loads on the thread that will run the model.
  void load(const EngineOptions& options, const ProgressFn& progress, std::stop_token stop) {
    on_thread([&] {
      model_ = load_model(options, progress, stop);
      prefiller_ = std::make_unique<Prefiller>(*model_, scheduler_);
      answerer_ = std::make_unique<Answerer>(*model_, scheduler_);
      encoder_ = std::make_unique<FrameEncoder>(*model_, scheduler_);
      advise_on_memory([this] {
        return memory_advice(widest_window_, model_->info.kv_bytes_per_token, model_->device,
                             model_->dtype);
      });
      release_pooled_memory();  // what a load needs for a moment is more than ever after
    });
  }

  // Runs `work` as one unit and waits for it.
  template <typename Work>
  void on_thread(Work&& work) {
    // Shared: the waiting caller may be gone before the thread has left set_value().
    const auto done = std::make_shared<std::promise<void>>();
    scheduler_.post(WorkClass::kTower, [&work, done] {
      try {
        work();
        done->set_value();
      } catch (...) {
        done->set_exception(current_error("engine"));
      }
    });
    done->get_future().get();
  }

  // A session's window, in visual tokens.
  void note_window(int64_t visual_tokens) {
    int64_t widest = widest_window_;
    while (widest < visual_tokens && !widest_window_.compare_exchange_weak(widest, visual_tokens)) {
    }
  }

  const Model& model() const { return *model_; }
  Prefiller& prefiller() { return *prefiller_; }
  Answerer& answerer() { return *answerer_; }
  FrameEncoder& encoder() { return *encoder_; }
  Scheduler& scheduler() { return scheduler_; }

 private:
  std::atomic<int64_t> widest_window_ = 0;
  std::unique_ptr<const Model> model_;
  std::unique_ptr<Prefiller> prefiller_;
  std::unique_ptr<Answerer> answerer_;
  std::unique_ptr<FrameEncoder> encoder_;
  Scheduler scheduler_;
};

class TorchEngine final : public Engine {
 public:
  explicit TorchEngine(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  const ModelInfo& info() const noexcept override { return core_->model().info; }

  std::future<Tokens> encode(const EncodeRequest& request) override {
    return core_->encoder().encode(request);
  }

  std::unique_ptr<Session> create_session(const SessionOptions& options) override {
    check(options);
    return at_border("opening a session", [&] {
      const Model& model = core_->model();
      const ModelInfo& info = model.info;
      const int usual = info.trained_visual_tokens > 0 ? info.trained_visual_tokens : 1024;
      const int window = options.window_tokens > 0 ? options.window_tokens : usual;
      check_window_fits(window, info.kv_bytes_per_token, info.context_tokens, model.device,
                        model.dtype);
      core_->note_window(window);
      const c10::InferenceMode inference;
      return std::make_unique<TorchSession>(core_, core_->model(), core_->scheduler(),
                                            core_->prefiller(), core_->answerer(), options);
    });
  }

  std::vector<TraceTensor> trace(const TraceRequest& request) override {
    std::vector<TraceTensor> trace;
    core_->on_thread([&] { trace = run_trace(core_->model(), request); });
    return trace;
  }

  std::vector<int32_t> tokenize(std::string_view text) const override {
    return core_->model().layout.tokenizer().encode(text);
  }

 private:
  const std::shared_ptr<Core> core_;
};

std::shared_ptr<Engine> open_engine(const EngineOptions& options, const ProgressFn& progress,
                                    std::stop_token stop) {
  auto core = std::make_shared<Core>(options.threads);
  core->load(options, progress, std::move(stop));
  return std::make_shared<TorchEngine>(std::move(core));
}

std::unique_ptr<Trainer> open_trainer_here(const TrainerOptions& options,
                                           const TrainingPictures& pictures,
                                           const ProgressFn& progress, std::stop_token stop) {
  return at_border("opening a trainer", [&] {
    return std::make_unique<TorchTrainer>(options, pictures, progress, std::move(stop));
  });
}

}  // namespace
}  // namespace m3

extern "C" M3_API const m3::EngineModule m3_engine_module;
const m3::EngineModule m3_engine_module{m3::kEngineAbi, &m3::open_engine};

extern "C" M3_API const m3::TrainerModule m3_trainer_module;
const m3::TrainerModule m3_trainer_module{m3::kTrainerAbi, &m3::open_trainer_here};
