#include "core/engine.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/error_of.h"

namespace m3 {
namespace {

using namespace std::chrono_literals;
using test::error_of;

constexpr char kLoads[] = "loading nothing";
constexpr char kWaits[] = "waiting for the same model to load";

// Tells when a load reports `word` for the first time, and may hold it there.
class Gate {
 public:
  explicit Gate(std::string word, bool hold = false) : word_(std::move(word)) {
    if (!hold) release();
  }

  ProgressFn progress() {
    return [this](double, std::string_view what) {
      if (what != word_ || reached_.exchange(true)) return;
      here_.set_value();
      released_.get_future().wait();
    };
  }
  void wait() { here_.get_future().wait(); }
  void release() { released_.set_value(); }

 private:
  const std::string word_;
  std::atomic<bool> reached_{false};
  std::promise<void> here_;
  std::promise<void> released_;
};

TEST(SharedEngine, EqualOptionsShareOneEngine) {
  const auto first = shared_engine({.model = "fake:"});
  EXPECT_EQ(shared_engine({.model = "fake:"}), first);
  EXPECT_NE(shared_engine({.model = "fake:grid=6"}), first);
  EXPECT_NE(shared_engine({.model = "fake:", .threads = 1}), first);
}

TEST(SharedEngine, GoesWithItsLastHolder) {
  auto first = shared_engine({.model = "fake:grid=1"});
  const std::weak_ptr<Engine> seen = first;
  first.reset();
  EXPECT_TRUE(seen.expired());
  EXPECT_NE(shared_engine({.model = "fake:grid=1"}), nullptr);
}

TEST(SharedEngine, CallersAtTheSameTimeGetOneEngine) {
  std::vector<std::future<std::shared_ptr<Engine>>> loads;
  for (int i = 0; i < 8; ++i) {
    loads.push_back(
        std::async(std::launch::async, [] { return shared_engine({.model = "fake:load_ms=50"}); }));
  }
  const auto first = loads[0].get();
  for (size_t i = 1; i < loads.size(); ++i) EXPECT_EQ(loads[i].get(), first);
}

TEST(SharedEngine, AStopCancelsTheLoad) {
  std::stop_source stop;
  Gate loads(kLoads);
  auto load = std::async(std::launch::async, [&] {
    return error_of([&] {
      shared_engine({.model = "fake:load_ms=600000"}, loads.progress(), stop.get_token());
    });
  });
  loads.wait();
  stop.request_stop();
  EXPECT_EQ(load.get().code(), ErrorCode::kCancelled);
}

TEST(SharedEngine, AStoppedCallerLeavesOthersAlone) {
  const EngineOptions options{.model = "fake:"};
  std::stop_source stop;
  Gate loads(kLoads, true);
  Gate waits(kWaits);
  auto loading =
      std::async(std::launch::async, [&] { return shared_engine(options, loads.progress()); });
  loads.wait();
  auto waiting = std::async(std::launch::async, [&] {
    return error_of([&] { shared_engine(options, waits.progress(), stop.get_token()); });
  });
  waits.wait();
  stop.request_stop();
  EXPECT_EQ(waiting.get().code(), ErrorCode::kCancelled);
  EXPECT_EQ(loading.wait_for(0s), std::future_status::timeout) << "the load goes on";
  loads.release();
  EXPECT_NE(loading.get(), nullptr);
}

TEST(SharedEngine, AWaitingCallerTakesOverACancelledLoad) {
  const EngineOptions options{.model = "fake:"};
  std::stop_source stop;
  Gate loads(kLoads, true);
  Gate waits(kWaits);
  auto loading = std::async(std::launch::async, [&] {
    return error_of([&] { shared_engine(options, loads.progress(), stop.get_token()); });
  });
  loads.wait();
  auto waiting =
      std::async(std::launch::async, [&] { return shared_engine(options, waits.progress()); });
  waits.wait();
  stop.request_stop();
  loads.release();
  EXPECT_EQ(loading.get().code(), ErrorCode::kCancelled);
  EXPECT_NE(waiting.get(), nullptr);
}

TEST(SharedEngine, WaitingCallersShareTheFailure) {
  const EngineOptions options{.model = "fake:fail=load"};
  Gate loads(kLoads, true);
  Gate waits(kWaits);
  auto loading = std::async(std::launch::async, [&] {
    return error_of([&] { shared_engine(options, loads.progress()); });
  });
  loads.wait();
  std::atomic<int> own_loads{0};
  auto waiting = std::async(std::launch::async, [&] {
    return error_of([&] {
      shared_engine(options, [&](double fraction, std::string_view what) {
        own_loads += what == kLoads;
        waits.progress()(fraction, what);
      });
    });
  });
  waits.wait();
  loads.release();
  const Error loaded = loading.get();
  const Error waited = waiting.get();
  EXPECT_EQ(loaded.code(), ErrorCode::kDevice);
  EXPECT_EQ(waited.code(), ErrorCode::kDevice);
  EXPECT_STREQ(waited.what(), loaded.what());
  EXPECT_EQ(own_loads, 0) << "nobody tried twice";
}

TEST(SharedEngine, AFailedLoadIsTriedAnewByTheNextCaller) {
  const EngineOptions options{.model = "fake:fail=load"};
  EXPECT_EQ(error_of([&] { shared_engine(options); }).code(), ErrorCode::kDevice);
  std::atomic<int> loads{0};
  error_of([&] {
    shared_engine(options, [&](double, std::string_view what) { loads += what == kLoads; });
  });
  EXPECT_EQ(loads, 1);
}

TEST(SharedEngine, TellsItsProgress) {
  std::vector<double> fractions;
  const auto engine =
      shared_engine({.model = "fake:load_ms=1"},
                    [&](double fraction, std::string_view) { fractions.push_back(fraction); });
  EXPECT_EQ(fractions, (std::vector<double>{0, 1}));
}

TEST(SharedEngine, AStopThatCameBeforeLoadsNothing) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(error_of([&] { shared_engine({.model = "fake:"}, {}, stop.get_token()); }).code(),
            ErrorCode::kCancelled);
}

TEST(SharedEngine, RefusesOptionsThatCannotBe) {
  const auto code = [](const EngineOptions& options) {
    return error_of([&] { shared_engine(options); }).code();
  };
  EXPECT_EQ(code({.model = ""}), ErrorCode::kInvalidArgument);
  for (const char* device :
       {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1234", "cuda0"}) {
    EXPECT_EQ(code({.model = "fake:", .device = device}), ErrorCode::kInvalidArgument) << device;
  }
  for (const char* dtype : {"", "float64", "bf16"}) {
    EXPECT_EQ(code({.model = "fake:", .dtype = dtype}), ErrorCode::kInvalidArgument) << dtype;
  }
  EXPECT_EQ(code({.model = "fake:", .threads = -1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.model = "fake:", .threads = 1025}), ErrorCode::kInvalidArgument);
}

TEST(FindEngine, KnowsTheEnginesThatAreOpen) {
  auto engine = shared_engine({.model = "fake:grid=24"});
  const std::string id = engine->info().id;
  EXPECT_EQ(find_engine(id), engine);
  EXPECT_EQ(find_engine("0123456789abcdef"), nullptr);
  engine.reset();
  EXPECT_EQ(find_engine(id), nullptr);
}

TEST(FindEngine, MayBeAskedWhileEnginesComeAndGo) {
  std::atomic<bool> stop{false};
  std::thread finder([&] {
    while (!stop) find_engine("0123456789abcdef");
  });
  for (int i = 0; i < 100; ++i) shared_engine({.model = "fake:grid=1"});
  stop = true;
  finder.join();
}

TEST(Finish, HasTheContractsWords) {
  EXPECT_STREQ(to_string(Finish::kStop), "stop");
  EXPECT_STREQ(to_string(Finish::kLength), "length");
  EXPECT_STREQ(to_string(Finish::kCancelled), "cancelled");
  EXPECT_STREQ(to_string(Finish::kError), "error");
}

}  // namespace
}  // namespace m3
