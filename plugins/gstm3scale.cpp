/**
 * SECTION:element-m3scale
 * @title: m3scale
 *
 * Decides for each frame whether the vision tower looks at it and how many visual tokens it may
 * have, within a token budget, and attaches the decision as GstM3ScaleMeta.
 *
 * The pictures pass unchanged and uncopied. Put m3motion before it: without measured activity every
 * frame that is looked at counts as full of motion and detail. The scales come from the model that
 * m3encode downstream has loaded.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 pattern=ball ! m3motion ! m3scale fps=5 budget=100 !
 * fakesink
 * ]|
 *
 * Reads: GstM3ActivityMeta. Adds: GstM3ScaleMeta. Messages: none.
 *
 * Since: 0.1
 */
#include "plugins/gstm3scale.h"

#include <gst/video/video.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <optional>

#include "core/activity_since.h"
#include "core/scale_policy.h"
#include "core/token_budget.h"
#include "plugins/frame_time.h"
#include "plugins/glue.h"
#include "plugins/gstm3meta.h"
#include "plugins/load_event.h"
#include "plugins/model_query.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_scale_debug);
#define GST_CAT_DEFAULT gst_m3_scale_debug

namespace {

constexpr char kAuto[] = "auto";
constexpr double kBurstSeconds = 10;  // of budget, the default burst

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
                                                             GST_STATIC_CAPS("video/x-raw(ANY)"));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS("video/x-raw(ANY)"));

enum { PROP_0, PROP_FPS, PROP_SCALE, PROP_BUDGET, PROP_BURST, PROP_BUDGET_GROUP };

struct Settings {
  double fps = 2;             // frames a second, 0: every frame
  std::string scale = kAuto;  // "auto" or a scale of the ladder
  double budget = 64;         // visual tokens a second, 0: none
  double burst = 0;  // visual tokens, 0: ten seconds of budget, but the finest scale at least
  std::string budget_group;  // empty: a budget of its own

  friend bool operator==(const Settings&, const Settings&) = default;
};

// 0: auto. Throws kInvalidArgument.
int parse_scale(const std::string& text) {
  if (text == kAuto) return 0;
  int scale = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, scale);
  if (error != std::errc() || stopped != end || scale < 1) {
    throw m3::Error(m3::ErrorCode::kInvalidArgument,
                    "scale=" + text + " is neither auto nor a number of visual tokens");
  }
  return scale;
}

class Scale {
 public:
  explicit Scale(GstBaseTransform* element) : element_(element) {}

  Settings settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  // Two threads may change two properties at once: neither is lost.
  template <typename Change>
  void change_settings(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(settings_);
  }
  // From m3encode and m3llm, on any thread.
  void set_load(const m3::Load& load) {
    (load.of == m3::LoadOf::kTower ? tower_load_ : window_load_) = load.load;
  }

  // State changes.
  void start() {
    const Settings settings = this->settings();
    parse_scale(settings.scale);
    tower_load_ = window_load_ = 0;
    state_.emplace().used = settings;
  }
  void stop() { state_.reset(); }

  // Streaming thread.
  void begin_stream() {
    state_->time.reset();
    forget();
  }
  void forget() {
    state_->since.reset();
    if (state_->policy) state_->policy->reset();
  }
  void set_segment(const GstSegment& segment) { state_->time.set_segment(segment); }
  void set_caps(const GstCaps* caps) {
    gint numerator = 0;
    gint denominator = 1;
    gst_structure_get_fraction(gst_caps_get_structure(caps, 0), "framerate", &numerator,
                               &denominator);
    state_->time.set_rate(numerator, denominator);
    state_->ask_again = true;
  }
  void process(GstBuffer* buffer);

 private:
  struct State {  // streaming thread only; lives from start to stop
    m3::FrameTime time;
    m3::ActivitySince since;
    Settings used;  // the last that fitted: what `policy` was made of, or those of the start
    std::vector<int> ladder = m3::ScalePolicyOptions().ladder;
    bool ask_again = true;  // downstream may know another ladder
    bool live = false;
    std::shared_ptr<m3::TokenBudget> budget;
    std::shared_ptr<m3::ScalePolicy> policy;
  };

  void update_policy();
  void make_policy(const Settings& settings);

  GstBaseTransform* const element_;
  std::atomic<double> tower_load_{0};
  std::atomic<double> window_load_{0};

  mutable std::mutex mutex_;
  Settings settings_;  // guarded by mutex_

  std::optional<State> state_;
};

void Scale::make_policy(const Settings& settings) {
  State& state = *state_;
  m3::ScalePolicyOptions options;
  options.ladder = state.ladder;
  options.fixed_scale = parse_scale(settings.scale);
  options.fps = settings.fps;
  options.own_clock = state.live;
  std::shared_ptr<m3::TokenBudget> budget = state.budget;
  if (!budget || settings.budget != state.used.budget || settings.burst != state.used.burst ||
      settings.budget_group != state.used.budget_group) {
    const double burst = settings.burst > 0 ? settings.burst
                                            : std::max(kBurstSeconds * settings.budget,
                                                       static_cast<double>(state.ladder.back()));
    budget = m3::shared_budget(settings.budget_group, settings.budget, burst);
  }
  state.policy = std::make_shared<m3::ScalePolicy>(options, budget);
  state.budget = std::move(budget);
  state.used = settings;
}

// Makes the policy anew when the properties or the model's ladder have changed.
void Scale::update_policy() {
  State& state = *state_;
  bool changed = !state.policy;
  if (state.ask_again) {
    state.ask_again = false;
    state.live = m3::is_live(GST_BASE_TRANSFORM_SINK_PAD(element_));
    if (const auto answer = m3::ask_for_ladder(GST_BASE_TRANSFORM_SRC_PAD(element_))) {
      state.ask_again = answer->loading;
      if (!answer->ladder.empty() && answer->ladder != state.ladder) {
        state.ladder = answer->ladder;
        changed = true;
      }
    }
  }
  const Settings settings = this->settings();
  if (!changed && settings == state.used) return;
  try {
    make_policy(settings);
  } catch (const m3::Error& error) {
    if (settings == state.used) throw;
    // A value that does not fit, set while playing: the old ones stay.
    {
      const std::lock_guard lock(mutex_);
      if (settings_ == settings) settings_ = state.used;
    }
    GST_ELEMENT_WARNING(element_, RESOURCE, SETTINGS, ("%s", error.what()),
                        ("the values before it stay in force"));
    if (changed) make_policy(Settings(state.used));
  }
}

void Scale::process(GstBuffer* buffer) {
  State& state = *state_;
  update_policy();
  const int64_t pts_ns = state.time.stream_time(state.time.pts_of(buffer));
  const GstM3ActivityMeta* meta = gst_buffer_get_m3_activity(buffer);
  m3::Activity activity;
  activity.motion = 1;
  activity.complexity = 1;
  state.since.add(meta ? meta->activity : activity);

  // Frames outside the segment are not played; a gap repeats the frame before it.
  const bool out_of_play =
      pts_ns == m3::kNoTime || GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP);
  m3::Decision decision = m3::ScalePolicy::skipped();
  if (!out_of_play && state.policy->samples(pts_ns)) {
    state.policy->set_load(std::max(tower_load_.load(), window_load_.load()));
    decision = state.policy->decide(state.since.take(), pts_ns);
  }
  GST_LOG_OBJECT(element_, "%" GST_STIME_FORMAT " scale %d, %s", GST_STIME_ARGS(pts_ns),
                 decision.scale, m3::to_string(decision.reason));
  gst_buffer_set_m3_decision(buffer, decision, state.policy, pts_ns);
}

}  // namespace

struct _GstM3Scale {
  GstBaseTransform parent;
  Scale* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Scale, gst_m3_scale, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3scale, "m3scale", GST_RANK_NONE, GST_TYPE_M3_SCALE,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_scale_debug, "m3scale", 0,
                                                              "visual tokens of frames"))

static void gst_m3_scale_set_property(GObject* object, guint id, const GValue* value,
                                      GParamSpec* spec) {
  bool known = true;
  GST_M3_SCALE(object)->impl->change_settings([&](Settings& settings) {
    switch (id) {
      case PROP_FPS:
        settings.fps = g_value_get_double(value);
        break;
      case PROP_SCALE:
        settings.scale = m3::text_of(value);
        break;
      case PROP_BUDGET:
        settings.budget = g_value_get_double(value);
        break;
      case PROP_BURST:
        settings.burst = g_value_get_double(value);
        break;
      case PROP_BUDGET_GROUP:
        settings.budget_group = m3::text_of(value);
        break;
      default:
        known = false;
    }
  });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_m3_scale_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  const Settings settings = GST_M3_SCALE(object)->impl->settings();
  switch (id) {
    case PROP_FPS:
      g_value_set_double(value, settings.fps);
      break;
    case PROP_SCALE:
      g_value_set_string(value, settings.scale.c_str());
      break;
    case PROP_BUDGET:
      g_value_set_double(value, settings.budget);
      break;
    case PROP_BURST:
      g_value_set_double(value, settings.burst);
      break;
    case PROP_BUDGET_GROUP:
      m3::set_text(value, settings.budget_group);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static gboolean gst_m3_scale_start(GstBaseTransform* transform) {
  return m3::guard(transform, __func__, FALSE, [&] {
    GST_M3_SCALE(transform)->impl->start();
    return TRUE;
  });
}

static gboolean gst_m3_scale_stop(GstBaseTransform* transform) {
  GST_M3_SCALE(transform)->impl->stop();
  return TRUE;
}

static gboolean gst_m3_scale_set_caps(GstBaseTransform* transform, GstCaps* in, GstCaps* out) {
  GST_M3_SCALE(transform)->impl->set_caps(in);
  return TRUE;
}

static gboolean gst_m3_scale_sink_event(GstBaseTransform* transform, GstEvent* event) {
  Scale& impl = *GST_M3_SCALE(transform)->impl;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
      impl.begin_stream();
      break;
    case GST_EVENT_FLUSH_STOP:
      impl.forget();
      break;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment = nullptr;
      gst_event_parse_segment(event, &segment);
      impl.set_segment(*segment);
      break;
    }
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_m3_scale_parent_class)->sink_event(transform, event);
}

static gboolean gst_m3_scale_src_event(GstBaseTransform* transform, GstEvent* event) {
  if (const auto load = m3::load_in(event)) {
    GST_M3_SCALE(transform)->impl->set_load(*load);
    gst_event_unref(event);
    return TRUE;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_m3_scale_parent_class)->src_event(transform, event);
}

static GstFlowReturn gst_m3_scale_transform_ip(GstBaseTransform* transform, GstBuffer* buffer) {
  return m3::guard(transform, __func__, GST_FLOW_ERROR, [&] {
    GST_M3_SCALE(transform)->impl->process(buffer);
    return GST_FLOW_OK;
  });
}

static void gst_m3_scale_finalize(GObject* object) {
  delete GST_M3_SCALE(object)->impl;
  G_OBJECT_CLASS(gst_m3_scale_parent_class)->finalize(object);
}

m3::Specs m3::scale_properties() {
  const Settings defaults;
  return {
      g_param_spec_double("fps", "Frames a second",
                          "How many frames a second of stream time are looked at (0 = every frame)",
                          0, 1000, defaults.fps, m3::kMutablePlaying),
      g_param_spec_string("scale", "Scale",
                          "Visual tokens of a frame: auto (by motion, detail and budget) or a "
                          "number of the model's scale ladder, such as 1, 9, 36 or 144",
                          defaults.scale.c_str(), m3::kMutablePlaying),
      g_param_spec_double(
          "budget", "Token budget",
          "Visual tokens that may be spent per second of stream time (0 = no limit)", 0, 1e6,
          defaults.budget, m3::kMutablePlaying),
      g_param_spec_double("burst", "Burst",
                          "Visual tokens that can be saved up in quiet times (0 = ten seconds of "
                          "budget, but one frame of the finest scale at least)",
                          0, 1e9, defaults.burst, m3::kMutablePlaying),
      g_param_spec_string("budget-group", "Budget group",
                          "Name of a group of streams in this process that share one budget "
                          "(none = a budget of its own)",
                          nullptr, m3::kMutablePlaying),
  };
}

static void gst_m3_scale_class_init(GstM3ScaleClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_scale_set_property;
  object_class->get_property = gst_m3_scale_get_property;
  object_class->finalize = gst_m3_scale_finalize;
  m3::install(object_class, m3::scale_properties());

  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  transform_class->start = GST_DEBUG_FUNCPTR(gst_m3_scale_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_m3_scale_stop);
  transform_class->set_caps = GST_DEBUG_FUNCPTR(gst_m3_scale_set_caps);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_m3_scale_sink_event);
  transform_class->src_event = GST_DEBUG_FUNCPTR(gst_m3_scale_src_event);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_m3_scale_transform_ip);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "Visual token scale", "Filter/Analyzer/Video",
      "Decides how many visual tokens each frame gets within a token budget", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void gst_m3_scale_init(GstM3Scale* self) {
  self->impl = new Scale(GST_BASE_TRANSFORM(self));
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
  gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}
