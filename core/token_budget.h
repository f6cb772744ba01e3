// TokenBudget: a bucket of visual tokens that fills at a steady rate and is spent by frames. Several streams may share
// one. Rule (docs/contract): in any interval of T seconds of stream time, tokens spent <= rate * T + burst.
// Threads: safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "core/export.h"

namespace m3 {

class M3_API TokenBudget {
 public:
  // rate: tokens a second of stream time, 0: no limit, else up to 1e6. burst: tokens saved up at most, >= 1 when rate > 0.
  // The bucket starts full. Throws kInvalidArgument.
  TokenBudget(double rate, double burst);

  double rate() const noexcept { return rate_; }
  double burst() const noexcept { return burst_; }

  // Tokens that may be spent at `now_ns` (stream time). Time that runs backwards earns nothing.
  double available(int64_t now_ns);
  // Spends `tokens` if they are there; false leaves the bucket as it was.
  bool take(int64_t now_ns, int tokens);
  // Hands back tokens that were taken and not shown, never above the burst.
  void give_back(int tokens);
  // Starts anew, full: the stream was flushed or has another clock.
  void reset();

 private:
  void fill(int64_t now_ns);  // with mutex_ held

  const double rate_;
  const double burst_;
  std::mutex mutex_;
  double level_;          // guarded by mutex_
  int64_t last_ns_ = INT64_MIN;  // guarded by mutex_
};

// The budget that all streams of `group` in this process share; made by the first of them and kept while one holds it.
// Throws kInvalidArgument when the group is already open with another rate or burst.
M3_API std::shared_ptr<TokenBudget> shared_budget(const std::string& group, double rate, double burst);

}  // namespace m3
