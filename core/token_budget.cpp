#include "core/token_budget.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "core/frame.h"

namespace m3 {
namespace {

constexpr double kMostRate = 1e6;
constexpr double kMostBurst = 1e9;
// Entries kept. A stream that spends at every frame of a 25 Hz video fills them in minutes; the
// horizon then shrinks.
constexpr size_t kMostEntries = 4096;
// Sums of doubles may miss a whole token by a hair, and the next frame would wait for nothing.
constexpr double kRounding = 1e-6;
// Times are held within this, so that their differences fit.
constexpr int64_t kFarthestNs = int64_t{1} << 61;

double seconds(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) * 1e-9;
}

std::string number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

TokenBudget::TokenBudget(double rate, double burst) : rate_(rate), burst_(burst) {
  if (!(rate >= 0 && rate <= kMostRate)) {
    throw Error(ErrorCode::kInvalidArgument, "budget " + number(rate) +
                                                 " is out of range; give 0 (no limit) to 1000000 "
                                                 "visual tokens a second");
  }
  if (rate > 0 && !(burst >= 1 && burst <= kMostBurst)) {
    throw Error(ErrorCode::kInvalidArgument, "burst " + number(burst) +
                                                 " is out of range; give 1 to 1000000000 visual "
                                                 "tokens");
  }
  if (rate > 0) entries_.reserve(kMostEntries);
}

double TokenBudget::earned(int64_t from_ns, int64_t to_ns) const {
  return rate_ * seconds(from_ns, to_ns);
}

int64_t TokenBudget::placed(int64_t now_ns) const {
  if (entries_.empty())
    return now_ns == kNoTime ? 0 : std::clamp(now_ns, -kFarthestNs, kFarthestNs);
  const int64_t latest = entries_.back().time_ns;
  if (now_ns == kNoTime) return latest;
  const int64_t now = std::clamp(now_ns, -kFarthestNs, kFarthestNs);
  const bool forgotten = old_ns_ != INT64_MIN && now <= old_ns_;
  return forgotten || seconds(now, latest) > kHorizonSeconds ? latest : now;
}

// The rule must hold for every interval [a, b] around `now`: what was spent in [a, now] and in
// (now, b], less what the bucket earns in it, never exceeds the burst. The two halves are
// independent, so the worst of each is looked for.
double TokenBudget::left(int64_t now_ns) const {
  double before = 0;  // tokens that the bucket lacks at `now` for what came before
  double after = 0;   // tokens that must be kept for what was already spent later
  size_t next = entries_.size();
  double spent = 0;
  while (next > 0 && entries_[next - 1].time_ns > now_ns) --next;
  for (size_t i = next; i < entries_.size(); ++i) {
    spent += entries_[i].tokens;
    after = std::max(after, spent - earned(now_ns, entries_[i].time_ns));
  }
  if (next > 0) {
    before = std::max(0.0, entries_[next - 1].debt - earned(entries_[next - 1].time_ns, now_ns));
  } else if (old_ns_ != INT64_MIN) {
    before = std::max(0.0, old_debt_ - earned(old_ns_, now_ns));
  }
  return std::max(0.0, burst_ - before - after);
}

void TokenBudget::recount(size_t first) {
  for (size_t i = first; i < entries_.size(); ++i) {
    const double debt = i > 0 ? entries_[i - 1].debt : old_debt_;
    const int64_t since = i > 0 ? entries_[i - 1].time_ns : old_ns_;
    const double rest =
        since == INT64_MIN ? 0 : std::max(0.0, debt - earned(since, entries_[i].time_ns));
    entries_[i].debt = rest + entries_[i].tokens;
  }
}

void TokenBudget::forget_old() {
  const int64_t latest = entries_.back().time_ns;
  size_t gone = 0;
  if (entries_.size() >= kMostEntries) gone = kMostEntries / 2;
  // In lumps: moving the rest down costs less than once a frame.
  if (entries_.size() >= kMostEntries / 8 &&
      seconds(entries_[kMostEntries / 16].time_ns, latest) > 2 * kHorizonSeconds) {
    gone = std::max(gone, kMostEntries / 16);
  }
  if (gone == 0) return;
  old_debt_ = entries_[gone - 1].debt;
  old_ns_ = entries_[gone - 1].time_ns;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(gone));
}

void TokenBudget::insert(int64_t now_ns, double tokens) {
  size_t at = entries_.size();
  while (at > 0 && entries_[at - 1].time_ns > now_ns) --at;
  if (at > 0 && entries_[at - 1].time_ns == now_ns) {
    entries_[--at].tokens += tokens;
  } else {
    entries_.insert(entries_.begin() + static_cast<ptrdiff_t>(at), {now_ns, tokens, 0});
  }
  recount(at);
  forget_old();
}

double TokenBudget::available(int64_t now_ns) {
  if (rate_ == 0) return std::numeric_limits<double>::infinity();
  const std::lock_guard lock(mutex_);
  return left(placed(now_ns));
}

bool TokenBudget::take(int64_t now_ns, int tokens) {
  if (tokens < 0) throw Error(ErrorCode::kInvalidArgument, "a negative number of tokens was asked");
  if (rate_ == 0 || tokens == 0) return true;
  const std::lock_guard lock(mutex_);
  const int64_t now = placed(now_ns);
  if (left(now) + kRounding < tokens) return false;
  insert(now, tokens);
  return true;
}

void TokenBudget::give_back(int64_t taken_ns, int tokens) {
  if (rate_ == 0 || tokens <= 0) return;
  const std::lock_guard lock(mutex_);
  // What was placed at another time stands among another stream's tokens; those must not vanish.
  if (placed(taken_ns) != taken_ns) return;
  const auto entry =
      std::lower_bound(entries_.begin(), entries_.end(), taken_ns,
                       [](const Entry& e, int64_t time_ns) { return e.time_ns < time_ns; });
  if (entry == entries_.end() || entry->time_ns != taken_ns) return;
  entry->tokens = std::max(0.0, entry->tokens - tokens);
  recount(static_cast<size_t>(entry - entries_.begin()));
}

int64_t TokenBudget::latest_ns() {
  const std::lock_guard lock(mutex_);
  return entries_.empty() ? kNoTime : entries_.back().time_ns;
}

std::shared_ptr<TokenBudget> shared_budget(const std::string& group, double rate, double burst) {
  if (group.empty()) return std::make_shared<TokenBudget>(rate, burst);
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<TokenBudget>> groups;  // guarded by mutex
  const std::lock_guard lock(mutex);
  std::erase_if(groups, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = groups.find(group); found != groups.end()) {
    // The last holder may let go at this moment; then a new one is made.
    if (auto budget = found->second.lock()) {
      if (budget->rate() != rate || budget->burst() != burst) {
        throw Error(ErrorCode::kInvalidArgument,
                    "budget group \"" + group + "\" is open with budget " + number(budget->rate()) +
                        " and burst " + number(budget->burst()) + ", not " + number(rate) +
                        " and " + number(burst) + "; give all its streams the same");
      }
      return budget;
    }
  }
  auto budget = std::make_shared<TokenBudget>(rate, burst);
  groups[group] = budget;
  return budget;
}

}  // namespace m3
