#include "core/scale_policy.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/picture_change.h"

namespace m3 {
namespace {

// Scales are chosen from the ladder by these marks.
constexpr int kEventTokens = 36;  // the start of motion gets the first scale from here on
constexpr int kGlanceTokens = 9;  // a refresh of a picture at rest gets the last scale up to here

// Motion starts above the first mark and goes on above the second, so that it does not flicker.
constexpr double kMotionStarts = 0.045;
constexpr double kMotionGoesOn = 0.03;
constexpr double kHoldSeconds = 0.4;

constexpr double kStartGapSeconds = 0.3;    // between two frames that are shown at once
constexpr double kPoorSceneGapSeconds = 3;  // likewise with less than half a bucket
constexpr double kSceneGapSeconds = 1;      // cuts that follow closer are motion
constexpr double kGrown = 0.15;  // more motion than in the frame shown is a start once more
constexpr double kLongestGapSeconds =
    2;  // continuing motion takes a coarser scale before it waits longer
constexpr double kFinerGapSeconds =
    1.4;  // and goes back to a finer one when that would come this often
constexpr double kDetailAfterSeconds = 0.6;  // the finer look at what moves: it has come into view
constexpr double kDetailAgainSeconds = 8;    // and again, while the motion goes on
// A picture at rest that differs from the one shown: for how long it must, and when it is shown at
// the earliest. First what motion left behind, later what crept in, at once when it is much.
constexpr double kChangedSeconds = 0.2;
constexpr double kChangedGapSeconds = 1;
constexpr double kCreptGapSeconds = 4;
constexpr double kMuchChanged = 2.5;
constexpr double kRefineAfterSeconds = 2;  // a picture at rest is refined after this long
constexpr double kDetailed = 0.35;         // complexity from which a finer look pays
constexpr double kNearlyFull = 0.9;        // of the burst: what comes in is about to be lost

// Continuing motion may spend rate * clamp((2 x)^4, 1/16, 2) tokens a second when the bucket holds
// x of its burst: it comes to rest at half a bucket, and the other half waits for the next event.
// The steepness keeps a quarter of the bucket even when 16 streams of a group move at once.
constexpr double kSlowestPace = 1.0 / 16;
constexpr double kFastestPace = 2;

// From these loads on the scale is one step, two steps lower.
constexpr double kHighLoad = 0.5;
constexpr double kFullLoad = 0.85;

// An earlier time by more than this is another stream.
constexpr int64_t kJumpBackNs = 1'000'000'000;
// Containers round times, mostly to milliseconds; a frame that is this early still counts as on
// time.
constexpr int64_t kRoundedNs = 1'000'000;

double seconds(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) * 1e-9;
}

int first_from(const std::vector<int>& ladder, int tokens) {
  const auto found = std::lower_bound(ladder.begin(), ladder.end(), tokens);
  return found == ladder.end() ? ladder.back() : *found;
}

int last_up_to(const std::vector<int>& ladder, int tokens) {
  const auto found = std::upper_bound(ladder.begin(), ladder.end(), tokens);
  return found == ladder.begin() ? ladder.front() : *(found - 1);
}

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::kInvalidArgument, text);
}

ScalePolicyOptions checked(ScalePolicyOptions options) {
  const auto& ladder = options.ladder;
  if (ladder.empty() || ladder.front() < 1 ||
      std::adjacent_find(ladder.begin(), ladder.end(), std::greater_equal<>()) != ladder.end()) {
    refuse("the scale ladder must be ascending numbers of visual tokens, 1 or more each");
  }
  if (options.fixed_scale != 0 &&
      !std::binary_search(ladder.begin(), ladder.end(), options.fixed_scale)) {
    std::string names;
    for (const int scale : ladder) names += (names.empty() ? "" : ", ") + std::to_string(scale);
    refuse("scale " + std::to_string(options.fixed_scale) +
           " is not on the model's ladder; give auto or one of " + names);
  }
  if (!(options.fps >= 0 && options.fps <= 1000)) {
    refuse("fps " + std::to_string(options.fps) + " is out of range; give 0 (every frame) to 1000");
  }
  if (!(options.refresh_seconds >= 0))
    refuse("the refresh interval is negative; give seconds, 0 for never");
  return options;
}

}  // namespace

const char* to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::kFirst:
      return "first";
    case Reason::kScene:
      return "scene";
    case Reason::kMotion:
      return "motion";
    case Reason::kDetail:
      return "detail";
    case Reason::kStatic:
      return "static";
    case Reason::kBudget:
      return "budget";
    case Reason::kFixed:
      return "fixed";
    case Reason::kSampled:
      return "sampled";
    case Reason::kRefresh:
      return "refresh";
    case Reason::kRoi:
      return "roi";
    case Reason::kRouter:
      return "router";
    case Reason::kMemory:
      return "memory";
    case Reason::kBusy:
      return "busy";
  }
  return "static";
}

ScalePolicy::ScalePolicy(ScalePolicyOptions options, std::shared_ptr<TokenBudget> budget)
    : options_(checked(std::move(options))),
      budget_(std::move(budget)),
      event_scale_(first_from(options_.ladder, kEventTokens)),
      glance_scale_(last_up_to(options_.ladder, kGlanceTokens)) {
  if (!budget_) refuse("a scale policy needs a budget; a TokenBudget of rate 0 has no limit");
  if (budget_->rate() > 0 && budget_->burst() < options_.ladder.front()) {
    refuse("burst " + std::to_string(budget_->burst()) +
           " holds not even one frame at the coarsest scale; give " +
           std::to_string(options_.ladder.front()) + " or more");
  }
}

bool ScalePolicy::samples(int64_t pts_ns) {
  if (options_.fps == 0 || pts_ns == kNoTime) return true;
  const auto period_ns = static_cast<int64_t>(1e9 / options_.fps);
  if (next_sample_ns_) {
    const int64_t early_ns = *next_sample_ns_ - pts_ns;
    if (early_ns > kRoundedNs && early_ns <= period_ns + kJumpBackNs) return false;
    // On the grid while frames come, so that the rate is kept; anew after a gap or a jump back.
    if (early_ns <= kRoundedNs && early_ns > -period_ns) {
      *next_sample_ns_ += period_ns;
      return true;
    }
  }
  next_sample_ns_ = pts_ns + period_ns;
  return true;
}

void ScalePolicy::set_load(double load) {
  load_ = std::clamp(std::isnan(load) ? 0 : load, 0.0, 1.0);
}

void ScalePolicy::reset() {
  after_reset_ = after_reset_ || placed_;
  placed_ = false;
  next_sample_ns_.reset();
  last_ns_.reset();
  shown_.reset();
  fine_.reset();
  watch_ = {};
}

void ScalePolicy::give_back(int64_t pts_ns, int tokens) {
  if (pts_ns != kNoTime) budget_->give_back(budget_ns(pts_ns), tokens);
}

Decision ScalePolicy::decide(const Activity& activity, int64_t pts_ns) {
  if (pts_ns != kNoTime && last_ns_ && pts_ns < *last_ns_ - kJumpBackNs) reset();
  const int64_t now_ns = std::max(pts_ns == kNoTime ? 0 : pts_ns, last_ns_.value_or(INT64_MIN));
  last_ns_ = now_ns;
  if (!placed_) {
    // Time that was passed through before earns nothing again: a stream that starts anew goes on at
    // the budget's time.
    const int64_t latest_ns = budget_->latest_ns();
    const bool joins = (options_.own_clock || after_reset_) && latest_ns != kNoTime;
    budget_offset_ns_ = joins ? latest_ns - now_ns : 0;
    placed_ = true;
  }
  if (options_.fixed_scale > 0)
    return spend(options_.fixed_scale, Reason::kFixed, activity, now_ns);
  return decide_auto(activity, now_ns);
}

Decision ScalePolicy::decide_auto(const Activity& activity, int64_t now_ns) {
  if (!shown_) {
    watch_.since_ns = now_ns;
    return spend(half_bucket(now_ns), Reason::kFirst, activity, now_ns);
  }
  const bool rich = budget_->available(budget_ns(now_ns)) >= budget_->burst() / 2;
  const double scene_gap = rich ? kSceneGapSeconds : kPoorSceneGapSeconds;
  if (activity.scene && (!watch_.scene_ns || seconds(*watch_.scene_ns, now_ns) >= scene_gap)) {
    watch_ = {};
    watch_.since_ns = now_ns;
    watch_.scene_ns = now_ns;
    fine_.reset();
    return spend(half_bucket(now_ns), Reason::kScene, activity, now_ns);
  }
  watch(activity, now_ns);
  Decision decision =
      watch_.moving ? decide_moving(activity, now_ns) : decide_resting(activity, now_ns);
  if (options_.crops && watch_.moving) add_crop(activity, now_ns, &decision);
  return decision;
}

// As many tokens as the start of motion gets, and as many again stay for the next one.
void ScalePolicy::add_crop(const Activity& activity, int64_t now_ns, Decision* decision) {
  if (decision->action != Action::kEncode || decision->scale < decision->wanted) return;
  if (load_ >= kHighLoad) return;
  const std::optional<FramePart> part = choose_crop(activity.heat);
  if (!part || budget_->available(budget_ns(now_ns)) < 2.0 * event_scale_) return;
  if (!budget_->take(budget_ns(now_ns), event_scale_)) return;
  decision->crop = *part;
  decision->crop_scale = event_scale_;
}

void ScalePolicy::watch(const Activity& activity, int64_t now_ns) {
  const bool moves =
      activity.scene || activity.motion >= (watch_.moving ? kMotionGoesOn : kMotionStarts);
  if (moves) {
    if (!watch_.moving) {
      watch_.moving = true;
      watch_.detailed_ns.reset();
      watch_.since_ns = now_ns;
    }
    watch_.moved_ns = now_ns;
    watch_.changed = 0;
  } else if (watch_.moving && seconds(watch_.moved_ns, now_ns) > kHoldSeconds) {
    watch_.moving = false;
    watch_.since_ns = now_ns;
  }
}

Decision ScalePolicy::decide_moving(const Activity& activity, int64_t now_ns) {
  const double elapsed = seconds(shown_->at_ns, now_ns);
  const Reason reason = activity.interest ? Reason::kRoi : Reason::kMotion;
  if (shown_->at_ns < watch_.since_ns) {  // an event starts: it may spend what was saved
    if (elapsed >= kStartGapSeconds) return spend(event_scale_, reason, activity, now_ns);
    return {Action::kReuse, 0, Reason::kBudget};
  }
  // It came into view further since then.
  if (activity.motion >= watch_.shown_motion + kGrown && elapsed >= kStartGapSeconds &&
      budget_->available(budget_ns(now_ns)) >= budget_->burst() / 2) {
    return spend(event_scale_, reason, activity, now_ns);
  }
  const int finer = half_bucket(now_ns);
  const double due = watch_.detailed_ns ? seconds(*watch_.detailed_ns, now_ns) - kDetailAgainSeconds
                                        : seconds(watch_.since_ns, now_ns) - kDetailAfterSeconds;
  if (due >= 0 && activity.complexity >= kDetailed && finer > event_scale_) {
    watch_.detailed_ns = now_ns;
    return spend(finer, Reason::kDetail, activity, now_ns);
  }
  if (const int scale = paced_scale(now_ns)) return spend(scale, reason, activity, now_ns);
  return {Action::kReuse, 0, Reason::kBudget};
}

Decision ScalePolicy::decide_resting(const Activity& activity, int64_t now_ns) {
  const double elapsed = seconds(shown_->at_ns, now_ns);
  const double available = budget_->available(budget_ns(now_ns));
  const double change = picture_change(shown_->signature, activity.signature, activity.noise);
  if (change >= 1) {
    if (watch_.changed++ == 0) watch_.changed_ns = now_ns;
    const bool soon = shown_->at_ns < watch_.since_ns || change >= kMuchChanged;
    if (watch_.changed > 1 && seconds(watch_.changed_ns, now_ns) >= kChangedSeconds &&
        elapsed >= (soon ? kChangedGapSeconds : kCreptGapSeconds)) {
      const bool rich = available >= budget_->burst() / 2;
      if (rich || elapsed * pace(now_ns) >= glance_scale_) {
        return spend(rich ? event_scale_ : glance_scale_, Reason::kMotion, activity, now_ns);
      }
    }
  } else {
    watch_.changed = 0;
    const int finer = half_bucket(now_ns);
    const bool nearly_full = budget_->rate() == 0 || available >= kNearlyFull * budget_->burst();
    if (shown_->scale < finer && nearly_full && activity.complexity >= kDetailed &&
        seconds(watch_.since_ns, now_ns) >= kRefineAfterSeconds &&
        !(fine_ && picture_change(*fine_, activity.signature, activity.noise) < 1)) {
      return spend(finer, Reason::kDetail, activity, now_ns);
    }
  }
  if (options_.refresh_seconds > 0 && elapsed >= options_.refresh_seconds) {
    return spend(glance_scale_, Reason::kRefresh, activity, now_ns);
  }
  return {Action::kReuse, 0, Reason::kStatic};
}

double ScalePolicy::pace(int64_t now_ns) const {
  if (budget_->rate() == 0) return std::numeric_limits<double>::infinity();
  const double full = budget_->available(budget_ns(now_ns)) / budget_->burst();
  return budget_->rate() * std::clamp(std::pow(2 * full, 4), kSlowestPace, kFastestPace) *
         std::max(kSlowestPace, 1 - load_);
}

int ScalePolicy::paced_scale(int64_t now_ns) {
  const double tokens_a_second = pace(now_ns);
  const double elapsed = seconds(shown_->at_ns, now_ns);
  const auto finest_up_to = [&](double tokens) {
    return last_up_to(options_.ladder, static_cast<int>(std::min<double>(tokens, event_scale_)));
  };
  const int finer = finest_up_to(kFinerGapSeconds * tokens_a_second);
  if (finer > watch_.paced_scale) watch_.paced_scale = finer;
  // It has waited long enough for the scale it had.
  if (elapsed >= kLongestGapSeconds) {
    watch_.paced_scale = std::min(watch_.paced_scale, finest_up_to(elapsed * tokens_a_second));
  }
  return elapsed * tokens_a_second >= watch_.paced_scale ? watch_.paced_scale : 0;
}

int ScalePolicy::half_bucket(int64_t now_ns) const {
  const double available = budget_->available(budget_ns(now_ns));
  if (std::isinf(available)) return options_.ladder.back();
  return std::max(event_scale_, last_up_to(options_.ladder, static_cast<int>(available / 2)));
}

Decision ScalePolicy::spend(int scale, Reason reason, const Activity& activity, int64_t now_ns) {
  const auto& ladder = options_.ladder;
  auto step = std::upper_bound(ladder.begin(), ladder.end(), scale) - ladder.begin() - 1;
  const auto lower = std::min<ptrdiff_t>(step, (load_ >= kHighLoad) + (load_ >= kFullLoad));
  if (lower > 0) reason = Reason::kBusy;
  for (step -= lower; step >= 0; --step) {
    const int granted = ladder[static_cast<size_t>(step)];
    if (budget_->take(budget_ns(now_ns), granted)) {
      shown_ = Shown{now_ns, granted, activity.signature};
      watch_.changed = 0;
      watch_.shown_motion = activity.motion;
      const double most = budget_->rate() == 0 ? ladder.back() : budget_->burst() / 2;
      if (granted >= last_up_to(ladder, static_cast<int>(std::min<double>(most, ladder.back())))) {
        fine_ = activity.signature;
      }
      return {Action::kEncode, granted, reason, scale};
    }
    reason = Reason::kBudget;
  }
  return {Action::kReuse, 0, Reason::kBudget, scale};
}

}  // namespace m3
