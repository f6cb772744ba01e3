// Scheduler: one compute thread and one queue for a device. Work comes in units of at most about 50
// ms; a unit that has more to do posts its successor. Urgent classes go first, but a class that
// waits gets one unit in eight. Threads: post() and units_run() from any thread; units run on the
// scheduler's own thread, one at a time.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace m3 {

// Most urgent first. kAtOnce is for what takes no time and must not wait for what does (ending what
// was cancelled): nothing is run before it, and it passes nobody over.
enum class WorkClass { kAtOnce, kDecodeStep, kQuestionPrefill, kTower, kStreamPrefill };
inline constexpr int kWorkClasses = 5;

// The order in which queued units run; knows no thread.
class UnitQueue {
 public:
  using Unit = std::function<void()>;

  void push(WorkClass work, Unit unit);
  // The next unit, empty when there is none. Within a class: first come, first served.
  Unit pop();

 private:
  Unit take_from(size_t work);

  std::array<std::deque<Unit>, kWorkClasses> units_;
  std::array<int, kWorkClasses> passed_over_{};  // units of other classes run while this one waited
};

class Scheduler {
 public:
  using Unit = UnitQueue::Unit;

  // Called once on the new thread with the loop that runs the units; holds what is set up for a
  // thread. Must call it.
  using Around = std::function<void(const std::function<void()>& loop)>;

  explicit Scheduler(const Around& around);
  // Waits for the running unit; units still queued are destroyed without being run.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Units must not throw.
  void post(WorkClass work, Unit unit);
  // How many have been begun: the engine's clock, in units of work.
  uint64_t units_run() const noexcept { return units_run_; }

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  UnitQueue queue_;        // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::atomic<uint64_t> units_run_ = 0;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace m3
