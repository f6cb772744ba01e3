/**
 * SECTION:element-m3motion
 * @title: m3motion
 *
 * Measures how much moves in each frame and how much detail it has, and attaches both as
 * GstM3ActivityMeta.
 *
 * The pictures pass unchanged and uncopied. m3scale reads the meta to decide how many visual tokens
 * a frame deserves. Motion is 0 to 1 with camera noise taken out, complexity is 0 to 1: detail that
 * few tokens would lose.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 pattern=ball ! m3motion ! m3scale ! fakesink
 * ]|
 *
 * The properties roi and mask, and every GstVideoRegionOfInterestMeta that a detector before it put
 * on a frame, say where: outside of the regions of interest motion counts a quarter, in masks (a
 * burnt-in clock, a tree, what is private) nothing counts.
 *
 * Behind m3avdec frames carry what their codec told. m3motion learns what that is at rest, and
 * frames that are like it are taken for still without a look at their pixels; all others, and those
 * without the meta, are measured.
 *
 * Reads: GstVideoRegionOfInterestMeta, GstM3CodecMeta. Adds: GstM3ActivityMeta. Messages: none.
 *
 * Since: 0.1
 */
#include "plugins/gstm3motion.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/codec_rest.h"
#include "core/error.h"
#include "core/vision/frame_activity.h"
#include "plugins/frame_time.h"
#include "plugins/glue.h"
#include "plugins/gstm3codecmeta.h"
#include "plugins/gstm3meta.h"
#include "plugins/properties.h"

GST_DEBUG_CATEGORY_STATIC(gst_m3_motion_debug);
#define GST_CAT_DEFAULT gst_m3_motion_debug

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_FRAME_CAPS));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(M3_FRAME_CAPS));

enum { kRoi = 1, kMask, kUseCodec, kStats };

// Regions of interest that detectors put on a frame at most; more of them say nothing.
constexpr size_t kMostDetected = 64;

void add_detected(GstBuffer* buffer, const GstVideoInfo& info, std::vector<m3::Region>* regions) {
  gpointer state = nullptr;
  const double width = GST_VIDEO_INFO_WIDTH(&info);
  const double height = GST_VIDEO_INFO_HEIGHT(&info);
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    if (regions->size() == kMostDetected) return;
    const auto* roi = reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta);
    regions->push_back({roi->x / width, roi->y / height, roi->w / width, roi->h / height});
  }
}

class Motion {
 public:
  explicit Motion(GstElement* element) : element_(element) {}

  // Any thread.
  void set_text(guint id, const std::string& text) {
    const std::lock_guard lock(mutex_);
    (id == kRoi ? settings_.roi : settings_.mask) = text;
    settings_.changed = true;
  }
  std::string text(guint id) {
    const std::lock_guard lock(mutex_);
    return id == kRoi ? settings_.roi : settings_.mask;
  }
  void set_use_codec(bool use) { use_codec_ = use; }
  bool use_codec() const { return use_codec_; }
  GstStructure* stats() const {
    return gst_structure_new("m3-motion-stats", "frames", G_TYPE_UINT64, guint64{frames_},  //
                             "passed", G_TYPE_UINT64, guint64{passed_}, nullptr);
  }

  // Start and streaming thread only from here on.
  // Throws when a property cannot be read.
  void take_settings() {
    const std::lock_guard lock(mutex_);
    if (!settings_.changed) return;
    m3::Regions regions;
    regions.interest = m3::parse_regions(settings_.roi, "roi");
    regions.ignored = m3::parse_regions(settings_.mask, "mask");
    regions_ = std::move(regions);
    settings_.changed = false;
    used_ = settings_;
  }
  // A value that cannot be read, set while playing: the old ones stay.
  void take_settings_or_warn() {
    try {
      take_settings();
    } catch (const m3::Error& error) {
      {
        const std::lock_guard lock(mutex_);
        settings_ = used_;
      }
      GST_ELEMENT_WARNING(element_, RESOURCE, SETTINGS, ("%s", error.what()),
                          ("the values before it stay in force"));
    }
  }

  void set_caps(const GstCaps* caps) {
    info_ = m3::video_info_of(caps);
    time_.set_rate(info_->fps_n, info_->fps_d);
    forget();
  }
  void set_segment(const GstSegment& segment) { time_.set_segment(segment); }
  // The next frame has no frame before it.
  void reset() {
    time_.reset();
    forget();
  }
  void start() {
    take_settings();
    frames_ = passed_ = 0;
  }
  void stop() {
    info_.reset();
    reset();
  }
  m3::Activity measure(GstBuffer* buffer) {
    const int64_t pts_ns = time_.stream_time(time_.pts_of(buffer));
    ++frames_;
    // Where the codec says that all is at rest the pixels need not be read.
    const GstM3CodecMeta* codec = use_codec_ ? gst_buffer_get_m3_codec_meta(buffer) : nullptr;
    if (codec && rest_.rests(codec->motion, pts_ns)) {
      ++passed_;
      return activity_.pass(pts_ns);
    }
    const m3::Activity activity = look(buffer, pts_ns);
    if (codec) rest_.learn(activity.motion > 0 || activity.scene);
    return activity;
  }

 private:
  m3::Activity look(GstBuffer* buffer, int64_t pts_ns) {
    const m3::MappedFrame frame(*info_, buffer, pts_ns);
    take_settings_or_warn();
    all_regions_ = regions_;  // into the memory that is there
    add_detected(buffer, *info_, &all_regions_.interest);
    activity_.set_regions(all_regions_);
    return activity_.measure(frame.view());
  }
  void forget() {
    activity_.reset();
    rest_.reset();
  }

  struct Settings {
    std::string roi, mask;
    bool changed = false;
  };

  GstElement* const element_;

  std::mutex mutex_;
  Settings settings_;  // guarded by mutex_
  Settings used_;      // guarded by mutex_; the last that could be read
  std::atomic<bool> use_codec_{true};
  std::atomic<uint64_t> frames_{0};  // since the start
  std::atomic<uint64_t> passed_{0};  // of those: by what the codec said alone

  // Streaming thread only.
  m3::Regions regions_;      // what the properties say
  m3::Regions all_regions_;  // with those on the frame
  std::optional<GstVideoInfo> info_;
  m3::FrameTime time_;
  m3::FrameActivity activity_;
  m3::CodecRest rest_;
};

}  // namespace

struct _GstM3Motion {
  GstBaseTransform parent;
  Motion* impl;
};

G_DEFINE_FINAL_TYPE(GstM3Motion, gst_m3_motion, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(m3motion, "m3motion", GST_RANK_NONE, GST_TYPE_M3_MOTION,
                                      GST_DEBUG_CATEGORY_INIT(gst_m3_motion_debug, "m3motion", 0,
                                                              "activity of frames"))

static gboolean gst_m3_motion_set_caps(GstBaseTransform* transform, GstCaps* in, GstCaps* out) {
  return m3::guard(transform, __func__, FALSE, [&] {
    GST_M3_MOTION(transform)->impl->set_caps(in);
    return TRUE;
  });
}

static gboolean gst_m3_motion_start(GstBaseTransform* transform) {
  return m3::guard(transform, __func__, FALSE, [&] {
    GST_M3_MOTION(transform)->impl->start();
    return TRUE;
  });
}

static gboolean gst_m3_motion_stop(GstBaseTransform* transform) {
  GST_M3_MOTION(transform)->impl->stop();
  return TRUE;
}

static gboolean gst_m3_motion_sink_event(GstBaseTransform* transform, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START ||
      GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) {
    GST_M3_MOTION(transform)->impl->reset();
  } else if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
    const GstSegment* segment = nullptr;
    gst_event_parse_segment(event, &segment);
    GST_M3_MOTION(transform)->impl->set_segment(*segment);
  }
  return GST_BASE_TRANSFORM_CLASS(gst_m3_motion_parent_class)->sink_event(transform, event);
}

static GstFlowReturn gst_m3_motion_transform_ip(GstBaseTransform* transform, GstBuffer* buffer) {
  return m3::guard(transform, __func__, GST_FLOW_ERROR, [&] {
    const m3::Activity activity = GST_M3_MOTION(transform)->impl->measure(buffer);
    gst_buffer_set_m3_activity(buffer, activity);
    GST_LOG_OBJECT(transform, "motion %.3f complexity %.3f%s", activity.motion, activity.complexity,
                   activity.scene ? ", a cut" : "");
    return GST_FLOW_OK;
  });
}

static void gst_m3_motion_set_property(GObject* object, guint id, const GValue* value,
                                       GParamSpec* pspec) {
  Motion& impl = *GST_M3_MOTION(object)->impl;
  switch (id) {
    case kRoi:
    case kMask:
      impl.set_text(id, m3::text_of(value));
      break;
    case kUseCodec:
      impl.set_use_codec(g_value_get_boolean(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_m3_motion_get_property(GObject* object, guint id, GValue* value,
                                       GParamSpec* pspec) {
  Motion& impl = *GST_M3_MOTION(object)->impl;
  switch (id) {
    case kRoi:
    case kMask:
      m3::set_text(value, impl.text(id));
      break;
    case kUseCodec:
      g_value_set_boolean(value, impl.use_codec());
      break;
    case kStats:
      g_value_take_boxed(value, impl.stats());
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_m3_motion_finalize(GObject* object) {
  delete GST_M3_MOTION(object)->impl;
  G_OBJECT_CLASS(gst_m3_motion_parent_class)->finalize(object);
}

m3::Specs m3::motion_properties() {
  return {
      g_param_spec_string(
          "roi", "Regions of interest",
          "Where motion counts in full, elsewhere it counts a quarter: left,top,width,height in "
          "parts of the picture from 0 to 1, more of them behind semicolons (none = everywhere)",
          nullptr, kMutablePlaying),
      g_param_spec_string("mask", "Masks",
                          "Where nothing counts, also inside regions of interest; written like roi",
                          nullptr, kMutablePlaying),
      g_param_spec_boolean("use-codec", "Use the codec",
                           "Look at the pixels only of frames that are not like those at rest by "
                           "what m3avdec read from the codec",
                           TRUE, kMutablePlaying),
  };
}

static void gst_m3_motion_class_init(GstM3MotionClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_m3_motion_set_property;
  object_class->get_property = gst_m3_motion_get_property;
  object_class->finalize = gst_m3_motion_finalize;
  m3::Specs specs = m3::motion_properties();
  specs.push_back(g_param_spec_boxed(
      "stats", "Statistics",
      "Since the element was started: frames, and of those passed (by what the codec said, their "
      "pixels were not looked at)",
      GST_TYPE_STRUCTURE, m3::kReadOnly));
  m3::install(object_class, specs);

  auto* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
  transform_class->set_caps = GST_DEBUG_FUNCPTR(gst_m3_motion_set_caps);
  transform_class->start = GST_DEBUG_FUNCPTR(gst_m3_motion_start);
  transform_class->stop = GST_DEBUG_FUNCPTR(gst_m3_motion_stop);
  transform_class->sink_event = GST_DEBUG_FUNCPTR(gst_m3_motion_sink_event);
  transform_class->transform_ip = GST_DEBUG_FUNCPTR(gst_m3_motion_transform_ip);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element_class, "Frame activity", "Filter/Analyzer/Video",
      "Measures the motion and detail of each frame and attaches them as a meta", M3_AUTHOR);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
}

static void gst_m3_motion_init(GstM3Motion* self) {
  self->impl = new Motion(GST_ELEMENT(self));
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
  gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}
