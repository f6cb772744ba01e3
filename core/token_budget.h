// TokenBudget: a bucket of visual tokens that fills at a steady rate and is spent by frames.
// Several streams may share one. Rule (docs/scale-control.md): in any interval of T seconds of
// stream time, tokens spent <= rate * T + burst. It holds in whatever order the streams come: a
// stream that lags behind the others spends what they left at its time, up to kHorizonSeconds back.
// One that lags further has another clock, so it spends at the latest time of the others. Threads:
// safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/export.h"

namespace m3 {

class M3_API TokenBudget {
 public:
  // How far behind the latest time a stream may spend at its own time, seconds.
  static constexpr double kHorizonSeconds = 60;

  // rate: tokens a second of stream time, 0: no limit, else up to 1e6. burst: tokens saved up at
  // most, 1..1e9 when rate > 0. The bucket starts full. Throws kInvalidArgument.
  TokenBudget(double rate, double burst);

  double rate() const noexcept { return rate_; }  // 0: no limit
  double burst() const noexcept { return burst_; }

  // Tokens that may be spent at `now_ns` (stream time; kNoTime: the latest time known). Infinite
  // without a limit.
  double available(int64_t now_ns);
  // Spends `tokens` if they are there; false leaves the bucket as it was.
  bool take(int64_t now_ns, int tokens);
  // Hands back tokens that were taken with this very `taken_ns` and not shown. They count from then
  // on as never spent, so nothing is earned twice; what no longer stands in the books is not handed
  // back.
  void give_back(int64_t taken_ns, int tokens);
  // The latest time at which tokens were spent; none yet: kNoTime.
  int64_t latest_ns();

 private:
  // Tokens taken at one time. `debt` is what the bucket lacked to be full right after.
  struct Entry {
    int64_t time_ns;
    double tokens;
    double debt;
  };

  // All with mutex_ held.
  int64_t placed(int64_t now_ns) const;  // the time at which a stream at now_ns spends
  double left(int64_t now_ns) const;
  double earned(int64_t from_ns, int64_t to_ns) const;
  void insert(int64_t now_ns, double tokens);
  void recount(size_t first);  // debts from entries_[first] on
  void forget_old();

  const double rate_;
  const double burst_;
  std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_; times ascend
  double old_debt_ = 0;         // guarded by mutex_; the debt after the entries that were forgotten
  int64_t old_ns_ = INT64_MIN;  // guarded by mutex_; the last of those, INT64_MIN: none
};

// The budget that all streams of `group` in this process share; made by the first of them and kept
// while one holds it. An empty group: a budget of one's own. Throws kInvalidArgument when the group
// is already open with another rate or burst.
M3_API std::shared_ptr<TokenBudget> shared_budget(const std::string& group, double rate,
                                                  double burst);

}  // namespace m3
