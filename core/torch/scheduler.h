// Scheduler: one compute thread and one queue for a device. Work comes in units of at most about 50
// ms; a unit that has more to do posts its successor. Urgent classes go first, but a class that
// waits gets one unit in eight. Threads: post() from any thread; units run on the scheduler's own
// thread, one at a time.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace m3 {

// Most urgent first.
enum class WorkClass { kDecodeStep, kQuestionPrefill, kTower, kStreamPrefill };
inline constexpr int kWorkClasses = 4;

// The order in which queued units run; knows no thread.
class UnitQueue {
 public:
  using Unit = std::function<void()>;

  void push(WorkClass work, Unit unit);
  // The next unit, empty when there is none. Within a class: first come, first served.
  Unit pop();

 private:
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

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  UnitQueue queue_;        // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last: starts when all else is there
};

}  // namespace m3
