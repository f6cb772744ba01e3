#include "plugins/scaler.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/activity_log.h"
#include "core/error.h"
#include "plugins/glue.h"
#include "plugins/gstm3meta.h"
#include "plugins/model_query.h"

GST_DEBUG_CATEGORY_EXTERN(gst_m3_scale_debug);
#define GST_CAT_DEFAULT gst_m3_scale_debug

namespace m3 {
namespace {

constexpr char kAuto[] = "auto";
constexpr double kBurstSeconds = 10;  // of budget, the default burst

// 0: auto. Throws kInvalidArgument.
int parse_scale(const std::string& text) {
  if (text == kAuto) return 0;
  int scale = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, scale);
  if (error != std::errc() || stopped != end || scale < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "scale=" + text + " is neither auto nor a number of visual tokens");
  }
  return scale;
}

}  // namespace

void Scaler::start() {
  const ScaleSettings settings = this->settings();
  parse_scale(settings.scale);
  tower_load_ = window_load_ = 0;
  state_.emplace().used = settings;
  if (settings.activity_log.empty()) return;
  state_->log.open(settings.activity_log);
  if (!state_->log) {
    state_.reset();
    throw Error(ErrorCode::kNotFound, settings.activity_log + ": the log cannot be written");
  }
}

void Scaler::make_policy(const ScaleSettings& settings) {
  State& state = *state_;
  ScalePolicyOptions options;
  options.ladder = state.ladder;
  options.fixed_scale = parse_scale(settings.scale);
  options.fps = settings.fps;
  options.own_clock = state.live;
  options.crops = settings.crops;
  std::shared_ptr<TokenBudget> budget = state.budget;
  if (!budget || settings.budget != state.used.budget || settings.burst != state.used.burst ||
      settings.budget_group != state.used.budget_group) {
    const double burst = settings.burst > 0 ? settings.burst
                                            : std::max(kBurstSeconds * settings.budget,
                                                       static_cast<double>(state.ladder.back()));
    budget = shared_budget(settings.budget_group, settings.budget, burst);
  }
  state.policy = std::make_shared<ScalePolicy>(options, budget);
  state.budget = std::move(budget);
  state.used = settings;
}

// Makes the policy anew when the properties or the model's ladder have changed.
void Scaler::update_policy() {
  State& state = *state_;
  bool changed = !state.policy;
  if (state.ask_again) {
    state.ask_again = false;
    state.live = is_live(GST_BASE_TRANSFORM_SINK_PAD(element_));
    if (const auto answer = ask_for_ladder(GST_BASE_TRANSFORM_SRC_PAD(element_))) {
      state.ask_again = answer->loading;
      if (!answer->ladder.empty() && answer->ladder != state.ladder) {
        state.ladder = answer->ladder;
        changed = true;
      }
    }
  }
  const ScaleSettings settings = this->settings();
  if (!changed && settings == state.used) return;
  try {
    make_policy(settings);
  } catch (const Error& error) {
    if (settings == state.used) throw;
    // A value that does not fit, set while playing: the old ones stay.
    {
      const std::lock_guard lock(mutex_);
      if (settings_ == settings) settings_ = state.used;
    }
    GST_ELEMENT_WARNING(element_, RESOURCE, SETTINGS, ("%s", error.what()),
                        ("the values before it stay in force"));
    if (changed) make_policy(ScaleSettings(state.used));
  }
}

// At every change: a stream that stays poor does not flood the bus.
void Scaler::tell_quality(GstBuffer* buffer, GstClockTime pts, const Decision& decision) {
  State& state = *state_;
  const int quality = static_cast<int>(int64_t{kWholeQuality} * decision.scale / decision.wanted);
  ++(quality < kWholeQuality ? state.lowered : state.whole);
  if (std::exchange(state.told_quality, quality) == quality) return;
  const GstSegment& segment = state.time.segment();
  GstMessage* message = gst_message_new_qos(
      GST_OBJECT(element_), state.live, gst_segment_to_running_time(&segment, GST_FORMAT_TIME, pts),
      gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, pts), pts, GST_BUFFER_DURATION(buffer));
  gst_message_set_qos_values(message, 0, 1, quality);
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, state.whole + state.lowered,
                            state.lowered);
  gst_element_post_message(GST_ELEMENT(element_), message);
}

void Scaler::process(GstBuffer* buffer) {
  State& state = *state_;
  update_policy();
  const GstClockTime pts = state.time.pts_of(buffer);
  const int64_t pts_ns = state.time.stream_time(pts);
  const GstM3ActivityMeta* meta = gst_buffer_get_m3_activity(buffer);
  Activity activity;
  activity.motion = 1;
  activity.complexity = 1;
  state.since.add(meta ? meta->activity : activity);

  // Frames outside the segment are not played; a gap repeats the frame before it.
  const bool out_of_play = pts_ns == kNoTime || GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP);
  Decision decision = ScalePolicy::skipped();
  if (!out_of_play && state.policy->samples(pts_ns)) {
    state.policy->set_load(std::max(tower_load_.load(), window_load_.load()));
    const Activity seen = state.since.take();
    if (state.log.is_open()) state.log << to_log_line({pts_ns, seen}) << '\n';
    decision = state.policy->decide(seen, pts_ns);
    if (decision.wanted > 0) tell_quality(buffer, pts, decision);
  }
  GST_LOG_OBJECT(element_, "%" GST_STIME_FORMAT " scale %d, %s", GST_STIME_ARGS(pts_ns),
                 decision.scale, to_string(decision.reason));
  gst_buffer_set_m3_decision(buffer, decision, state.policy, pts_ns);
}

}  // namespace m3
