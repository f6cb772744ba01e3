#include "core/engine.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <initializer_list>
#include <mutex>
#include <new>
#include <utility>

#include "core/engine_module.h"
#include "core/error.h"
#include "core/fake_engine.h"

namespace m3 {
namespace {

constexpr int kMaxThreads = 1024;

[[noreturn]] void throw_cancelled(const std::string& model) {
  throw Error(ErrorCode::kCancelled, "Loading the model \"" + model + "\" was cancelled");
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_device(std::string_view device) {
  if (is_one_of(device, {"auto", "cpu", "cuda"})) return true;
  if (!device.starts_with("cuda:")) return false;
  const std::string_view number = device.substr(5);
  return !number.empty() && number.size() <= 3 &&
         number.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_options(const EngineOptions& options) {
  if (options.model.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "No model was named; give \"default\", a folder or \"fake:\"");
  }
  if (!is_device(options.device)) {
    throw Error(ErrorCode::kInvalidArgument,
                "Device \"" + options.device + "\" is not known; give auto, cpu, cuda or cuda:N");
  }
  if (!is_one_of(options.dtype, {"auto", "float32", "bfloat16", "float16"})) {
    throw Error(ErrorCode::kInvalidArgument,
                "Dtype \"" + options.dtype +
                    "\" is not known; give auto, float32, bfloat16 or, on CUDA, float16");
  }
  if (options.threads < 0 || options.threads > kMaxThreads) {
    throw Error(ErrorCode::kInvalidArgument, "threads = " + std::to_string(options.threads) +
                                                 " is not in 0.." + std::to_string(kMaxThreads) +
                                                 " (0: all cores)");
  }
}

std::shared_ptr<Engine> open_engine(const EngineOptions& options, const ProgressFn& progress,
                                    std::stop_token stop) {
  // Everything becomes an Error here, so that waiting callers can be told what the loading one met.
  try {
    if (options.model.starts_with(kFakeModelPrefix)) {
      return open_fake_engine(options, progress, stop);
    }
    return open_engine_module().open(options, progress, std::move(stop));
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kOutOfMemory,
                "Not enough memory to load the model \"" + options.model + "\"");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kInternal,
                "Loading the model \"" + options.model + "\" failed: " + error.what());
  }
}

// The engines of this process. Never destroyed: a thread may still load when the process exits.
class Registry {
 public:
  static Registry& instance() {
    static Registry* const registry = new Registry;
    return *registry;
  }

  std::shared_ptr<Engine> get(const EngineOptions& options, const ProgressFn& progress,
                              const std::stop_token& stop) {
    const auto load = std::make_shared<Load>();
    for (;;) {
      if (stop.stop_requested()) throw_cancelled(options.model);
      std::shared_ptr<Load> other;
      {
        std::lock_guard lock(mutex_);
        std::erase_if(entries_,
                      [](const Entry& entry) { return !entry.load && entry.engine.expired(); });
        auto entry = find(options);
        if (entry == entries_.end()) {
          entries_.push_back({options, {}, load});
          break;
        }
        if (auto engine = entry->engine.lock()) return engine;
        other = entry->load;
      }
      // `other` may be null when the engine went between the two looks above: look again.
      if (!other) continue;
      if (progress) progress(0, "waiting for the same model to load");
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return other->done; })) throw_cancelled(options.model);
      if (other->engine) return other->engine;
      // The caller that loaded gave up, not the load: somebody else must do it.
      if (other->code == ErrorCode::kCancelled) continue;
      throw Error(other->code, other->text);
    }

    std::shared_ptr<Engine> engine;
    try {
      engine = open_engine(options, progress, stop);
    } catch (const Error& error) {
      finish(options, *load, nullptr, error.code(), error.what());
      throw;
    }
    finish(options, *load, engine, ErrorCode::kInternal, {});
    return engine;
  }

  std::shared_ptr<Engine> with_id(std::string_view id) {
    std::vector<std::shared_ptr<Engine>> engines;
    {
      std::lock_guard lock(mutex_);
      for (const Entry& entry : entries_) {
        if (auto engine = entry.engine.lock()) engines.push_back(std::move(engine));
      }
    }
    // Asked, and perhaps let go for the last time, without the lock: an engine's end joins its
    // thread.
    for (auto& engine : engines) {
      if (engine->info().id == id) return std::move(engine);
    }
    return nullptr;
  }

 private:
  struct Load {  // guarded by mutex_
    bool done = false;
    std::shared_ptr<Engine> engine;  // null: failed, see code and text
    ErrorCode code = ErrorCode::kInternal;
    std::string text;
  };
  struct Entry {
    EngineOptions options;
    std::weak_ptr<Engine> engine;
    std::shared_ptr<Load> load;  // null when nothing loads
  };

  std::vector<Entry>::iterator find(const EngineOptions& options) {  // with mutex_ held
    return std::find_if(entries_.begin(), entries_.end(),
                        [&](const Entry& entry) { return entry.options == options; });
  }

  void finish(const EngineOptions& options, Load& load, std::shared_ptr<Engine> engine,
              ErrorCode code, std::string text) {
    {
      std::lock_guard lock(mutex_);
      auto entry = find(options);
      entry->engine = engine;
      entry->load.reset();
      load.engine = std::move(engine);
      load.code = code;
      load.text = std::move(text);
      load.done = true;
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;  // a load has ended
  std::vector<Entry> entries_;           // guarded by mutex_
};

}  // namespace

AnswerSink::~AnswerSink() = default;
Session::~Session() = default;
Engine::~Engine() = default;

const char* to_string(Finish finish) noexcept {
  switch (finish) {
    case Finish::kStop:
      return "stop";
    case Finish::kLength:
      return "length";
    case Finish::kCancelled:
      return "cancelled";
    case Finish::kError:
      return "error";
  }
  return "error";
}

void check(const SessionOptions& options) {
  const auto refuse = [](const std::string& text) {
    throw Error(ErrorCode::kInvalidArgument, "Session: " + text);
  };
  if (options.window_tokens < 0) {
    refuse("window_tokens = " + std::to_string(options.window_tokens) +
           " is negative (0: the model's own window)");
  }
  if (options.inbox_frames < 1 || options.inbox_frames > 1024) {
    refuse("inbox_frames = " + std::to_string(options.inbox_frames) + " is not in 1..1024");
  }
}

void check(const Question& question, const ModelInfo& info) {
  const auto refuse = [](const std::string& text) {
    throw Error(ErrorCode::kInvalidArgument, "Question: " + text);
  };
  if (question.max_new_tokens < 1 || question.max_new_tokens > info.context_tokens) {
    refuse("max_new_tokens = " + std::to_string(question.max_new_tokens) + " is not in 1.." +
           std::to_string(info.context_tokens) + ", the model's context");
  }
  // Written so that NaN is refused too.
  if (!(question.temperature >= 0 && question.temperature <= 2)) {
    refuse("temperature = " + std::to_string(question.temperature) + " is not in 0..2");
  }
  if (!(question.top_p > 0 && question.top_p <= 1)) {
    refuse("top_p = " + std::to_string(question.top_p) + " is not above 0 and at most 1");
  }
  constexpr int64_t kDayMs = 86'400'000;
  if (question.deadline_ms < 0 || question.deadline_ms > kDayMs) {
    refuse("deadline_ms = " + std::to_string(question.deadline_ms) + " is not in 0.." +
           std::to_string(kDayMs));
  }
  constexpr size_t kLongestName = 200;
  if (question.conversation.size() > kLongestName) {
    refuse("the conversation's name has " + std::to_string(question.conversation.size()) +
           " bytes; at most " + std::to_string(kLongestName) + " are taken");
  }
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): callers hand over what they made for it.
std::shared_ptr<Engine> shared_engine(const EngineOptions& options, ProgressFn progress,
                                      std::stop_token stop) {
  check_options(options);
  return Registry::instance().get(options, progress, stop);
}

std::shared_ptr<Engine> find_engine(std::string_view model_id) {
  return Registry::instance().with_id(model_id);
}

}  // namespace m3
