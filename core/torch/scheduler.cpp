#include "core/torch/scheduler.h"

#include <optional>
#include <utility>

namespace m3 {
namespace {

// How often in a row a waiting class is passed over at most, by WorkClass. A question takes turns
// with the answers that are being made: one late answer costs less than everybody's late beginning.
// The others get one unit in eight.
constexpr std::array<int, kWorkClasses> kMostPassedOver = {0, 7, 1, 7, 7};
constexpr size_t kAtOnce = static_cast<size_t>(WorkClass::kAtOnce);

}  // namespace

void UnitQueue::push(WorkClass work, Unit unit) {
  units_[static_cast<size_t>(work)].push_back(std::move(unit));
}

UnitQueue::Unit UnitQueue::pop() {
  if (!units_[kAtOnce].empty()) return take_from(kAtOnce);
  std::optional<size_t> chosen;
  for (size_t work = 0; work < units_.size(); ++work) {
    if (units_[work].empty()) continue;
    if (!chosen) chosen = work;
    if (passed_over_[work] >= kMostPassedOver[work] && passed_over_[work] > passed_over_[*chosen]) {
      chosen = work;
    }
  }
  if (!chosen) return {};
  for (size_t work = 0; work < units_.size(); ++work) {
    passed_over_[work] = work == *chosen || units_[work].empty() ? 0 : passed_over_[work] + 1;
  }
  return take_from(*chosen);
}

UnitQueue::Unit UnitQueue::take_from(size_t work) {
  Unit unit = std::move(units_[work].front());
  units_[work].pop_front();
  return unit;
}

Scheduler::Scheduler(const Around& around)
    : thread_([this, around] { around([this] { loop(); }); }) {}

Scheduler::~Scheduler() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Scheduler::post(WorkClass work, Unit unit) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push(work, std::move(unit));
  }
  wake_.notify_one();
}

void Scheduler::loop() {
  while (true) {
    Unit unit;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] {
        if (stopping_) return true;
        unit = queue_.pop();
        return static_cast<bool>(unit);
      });
      if (stopping_) return;
    }
    ++units_run_;
    unit();
  }
}

}  // namespace m3
