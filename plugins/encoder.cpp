#include "plugins/encoder.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "plugins/glue.h"
#include "plugins/gstm3meta.h"
#include "plugins/gstm3tokens.h"
#include "plugins/load_event.h"
#include "plugins/lost_event.h"

namespace m3 {
namespace {

// Frames of one stream that may be with the engine at once: enough to keep it busy and to let it
// batch.
constexpr size_t kFramesInFlight = 4;
// Buffers that may wait behind them. Most are empty (sampled out), so this is seconds of video and
// little memory. Behind them a live stream's frames are counted and have no buffer.
constexpr size_t kBuffersInFlight = 1024;
constexpr std::chrono::milliseconds kLook{20};  // how often a wait looks for flush and stop
constexpr double kLoadStep = 0.25;              // changes of load below this are not told

// The buffer's metas that say something about tokens. Those of the picture's memory and layout say
// nothing about them, and a parent buffer would keep the whole frame alive.
bool is_for_tokens(const GstMetaInfo& info) {
  if (info.api == gst_m3_activity_meta_api_get_type() ||
      info.api == gst_m3_scale_meta_api_get_type()) {
    return true;
  }
  const gchar* const* tags = gst_meta_api_type_get_tags(info.api);
  return (!tags || !tags[0]) && info.api != GST_PARENT_BUFFER_META_API_TYPE;
}

gboolean copy_meta(GstBuffer* from, GstMeta** meta, gpointer to) {
  const GstMetaInfo& info = *(*meta)->info;
  if (is_for_tokens(info) && info.transform_func) {
    GstMetaTransformCopy whole = {FALSE, 0, static_cast<gsize>(-1)};
    info.transform_func(static_cast<GstBuffer*>(to), *meta, from, _gst_meta_transform_copy, &whole);
  }
  return TRUE;
}

// An empty buffer with the frame's times, flags and metas.
GstBuffer* new_token_buffer(GstBuffer* frame, GstClockTime pts) {
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_copy_into(
      buffer, frame,
      static_cast<GstBufferCopyFlags>(int{GST_BUFFER_COPY_FLAGS} | int{GST_BUFFER_COPY_TIMESTAMPS}),
      0, static_cast<gsize>(-1));
  GST_BUFFER_PTS(buffer) = pts;
  gst_buffer_foreach_meta(frame, copy_meta, buffer);
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_GAP);
  return buffer;
}

// A buffer on its way out, with the tokens that it waits for.
class FrameItem final : public Outbox::Item {
 public:
  // Takes the buffer. Invalid tokens: it goes as it is.
  FrameItem(GstElement* element, GstBuffer* buffer, std::future<Tokens> tokens,
            std::future<Tokens> crop)
      : element_(element),
        buffer_(buffer),
        tokens_(std::move(tokens)),
        crop_(std::move(crop)),
        encodes_(tokens_.valid()) {}
  ~FrameItem() override {
    if (buffer_) gst_buffer_unref(buffer_);
  }
  FrameItem(const FrameItem&) = delete;
  FrameItem& operator=(const FrameItem&) = delete;

  bool ready_within(std::chrono::milliseconds limit) override {
    if (!encodes_) return true;
    // The crop is encoded behind the frame.
    const std::future<Tokens>& last = crop_.valid() ? crop_ : tokens_;
    return last.wait_for(limit) == std::future_status::ready;
  }
  GstFlowReturn send(GstPad* pad) override {
    return guard(element_, "encode", GST_FLOW_ERROR, [&] {
      if (encodes_) {
        gst_buffer_append_memory(buffer_, new_tokens_memory(tokens_.get()));
        if (crop_.valid()) gst_buffer_append_memory(buffer_, new_tokens_memory(crop_.get()));
        GST_BUFFER_FLAG_UNSET(buffer_, GST_BUFFER_FLAG_GAP);
      }
      return gst_pad_push(pad, std::exchange(buffer_, nullptr));
    });
  }
  bool counts() const override { return encodes_; }

 private:
  GstElement* const element_;
  GstBuffer* buffer_;
  std::future<Tokens> tokens_;
  std::future<Tokens> crop_;  // invalid: none
  const bool encodes_;
};

// Frames that have no buffer.
class LostItem final : public Outbox::Item {
 public:
  explicit LostItem(const LostFrames& lost) : lost_(lost) {}
  void extend(const LostFrames& more) { lost_.add(more); }
  GstFlowReturn send(GstPad* pad) override {
    gst_pad_push_event(pad, new_lost_event(lost_));
    return GST_FLOW_OK;
  }

 private:
  LostFrames lost_;
};

// The token caps, which are known when the model is.
class CapsItem final : public Outbox::Item {
 public:
  explicit CapsItem(const EngineLoader& loader) : loader_(loader) {}

  bool ready_within(std::chrono::milliseconds limit) override {
    return loader_.wait_for(limit) != EngineLoader::State::kLoading;
  }
  GstFlowReturn send(GstPad* pad) override {
    const std::shared_ptr<Engine> engine = loader_.engine();
    if (!engine) return GST_FLOW_ERROR;  // the loader has told why
    GstCaps* caps = new_tokens_caps(engine->info());
    GstCaps* current = gst_pad_get_current_caps(pad);
    if (!current || !gst_caps_is_equal(caps, current)) {
      gst_pad_push_event(pad, gst_event_new_caps(caps));
    }
    gst_caps_replace(&current, nullptr);
    gst_caps_unref(caps);
    return GST_FLOW_OK;
  }
  bool survives_flush() const override { return true; }

 private:
  const EngineLoader& loader_;
};

// The finest scale of the ladder that is kept. The default is cut to what the ladder has.
int kept_scale(const std::vector<int>& ladder, int keep_scale) {
  const auto above = std::upper_bound(ladder.begin(), ladder.end(), keep_scale);
  return above == ladder.begin() ? ladder.front() : *std::prev(above);
}

}  // namespace

Encoder::Encoder(GstElement* element, GstPad* sink, GstPad* src)
    : element_(element),
      sink_(sink),
      src_(src),
      outbox_(src),
      loader_(element, [this](const ModelInfo& info) {
        const int keep = settings().keep_scale;
        if (keep != EncodeSettings().keep_scale && keep < info.ladder.back() &&
            !std::binary_search(info.ladder.begin(), info.ladder.end(), keep)) {
          throw Error(ErrorCode::kInvalidArgument, "keep-scale=" + std::to_string(keep) +
                                                       " is not on the ladder of the model " +
                                                       info.name);
        }
      }) {}

EncodeSettings Encoder::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Encoder::load() {
  const EncodeSettings settings = this->settings();
  if (!settings.mmproj.empty()) {
    throw Error(ErrorCode::kUnsupported,
                "mmproj=" + settings.mmproj +
                    " cannot be used: this version takes no language model from a .gguf file; "
                    "leave mmproj empty");
  }
  loader_.start(settings.engine);
}

bool Encoder::start() {
  load();
  if (loader_.wait_for(std::chrono::milliseconds(0)) == EngineLoader::State::kFailed) return false;
  state_.emplace();
  drops_ = false;
  return true;
}

void Encoder::look_for_live() {
  const GstM3WhenBusy when = settings().when_busy;
  drops_ = when == GST_M3_WHEN_BUSY_DROP || (when == GST_M3_WHEN_BUSY_AUTO && is_live(sink_));
}

// nullptr: flushing, failed, or (only when frames are dropped) still loading.
std::shared_ptr<Engine> Encoder::wait_for_engine() {
  for (;;) {
    const bool wait = !drops_;
    const auto state = loader_.wait_for(wait ? kLook : std::chrono::milliseconds(0));
    if (state == EngineLoader::State::kReady) return loader_.engine();
    if (state != EngineLoader::State::kLoading || !wait) return nullptr;
    if (outbox_.flow() != GST_FLOW_OK) return nullptr;
  }
}

std::optional<LadderAnswer> Encoder::ladder() {
  LadderAnswer answer;
  if (const std::shared_ptr<Engine> engine = wait_for_engine()) {
    // Finer levels than those kept are never shown: m3scale must not spend on them.
    const int keep = kept_scale(engine->info().ladder, settings().keep_scale);
    for (const int scale : engine->info().ladder) {
      if (scale <= keep) answer.ladder.push_back(scale);
    }
    return answer;
  }
  if (loader_.wait_for(std::chrono::milliseconds(0)) != EngineLoader::State::kLoading) return {};
  answer.loading = true;
  return answer;
}

void Encoder::set_caps(GstEvent* event) {
  GstCaps* caps = nullptr;
  gst_event_parse_caps(event, &caps);
  const GstVideoInfo info = video_info_of(caps);
  state_->info = info;
  state_->time.set_rate(info.fps_n, info.fps_d);
}

bool Encoder::take_event(GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START: {
      const bool pushed = gst_pad_push_event(src_, event);
      outbox_.flush_start();
      return pushed;
    }
    case GST_EVENT_FLUSH_STOP: {
      const bool pushed = gst_pad_push_event(src_, event);
      state_->time.reset();
      outbox_.flush_stop();
      return pushed;
    }
    case GST_EVENT_CAPS: {
      // Owned here: set_caps() may throw.
      const EventItem video_caps(event);
      set_caps(event);
      look_for_live();
      return outbox_.put(std::make_unique<CapsItem>(loader_)) == GST_FLOW_OK;
    }
    case GST_EVENT_STREAM_START:
      state_->time.reset();
      look_for_live();
      break;
    case GST_EVENT_SEGMENT: {
      const GstSegment* segment = nullptr;
      gst_event_parse_segment(event, &segment);
      state_->time.set_segment(*segment);
      break;
    }
    default:
      break;
  }
  if (!GST_EVENT_IS_SERIALIZED(event)) return gst_pad_push_event(src_, event);
  const bool sticky = GST_EVENT_IS_STICKY(event);
  // Data flow reports what a sticky event that came too late would.
  return outbox_.put(std::make_unique<EventItem>(event)) == GST_FLOW_OK || sticky;
}

Decision Encoder::decision_of(GstBuffer* buffer, int64_t pts_ns) const {
  if (const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(buffer)) return meta->decision;
  if (pts_ns == kNoTime || GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP)) {
    return ScalePolicy::skipped();
  }
  return {Action::kEncode, settings().keep_scale, Reason::kFixed};
}

GstFlowReturn Encoder::make_room(bool* encode) {
  if (drops_) {
    *encode = *encode && outbox_.waiting() < kFramesInFlight;
    return outbox_.flow();
  }
  const size_t counted = *encode ? kFramesInFlight : std::numeric_limits<size_t>::max();
  return outbox_.wait_for_room(counted, kBuffersInFlight);
}

GstFlowReturn Encoder::process(GstBuffer* buffer) {
  if (!state_->info) return GST_FLOW_NOT_NEGOTIATED;
  const GstClockTime pts = state_->time.pts_of(buffer);
  const int64_t pts_ns = state_->time.stream_time(pts);
  const Decision decision = decision_of(buffer, pts_ns);

  const bool wanted = decision.action == Action::kEncode;
  bool encode = wanted;
  std::shared_ptr<Engine> engine;
  if (wanted) {
    engine = wait_for_engine();
    if (!engine) {
      const auto state = loader_.wait_for(std::chrono::milliseconds(0));
      if (state == EngineLoader::State::kFailed) return GST_FLOW_ERROR;
      encode = false;
    }
  }
  if (const GstFlowReturn flow = make_room(&encode); flow != GST_FLOW_OK) return flow;
  if (drops_ && outbox_.size() >= kBuffersInFlight) return lose(buffer, pts, decision);

  std::future<Tokens> tokens;
  std::future<Tokens> crop;
  if (encode) {
    const MappedFrame frame(*state_->info, buffer, pts_ns);
    const std::vector<int>& ladder = engine->info().ladder;
    tokens = engine->encode({frame.view(), kept_scale(ladder, settings().keep_scale)});
    if (decision.crop_scale > 0) {
      FrameView part = frame.view();
      part.crop = crop_of(part, decision.crop);
      crop = engine->encode({part, kept_scale(ladder, decision.crop_scale)});
    }
    ++state_->processed;
  }
  GstBuffer* out = new_token_buffer(buffer, pts);
  const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(buffer);
  if (wanted && !encode) {
    gst_buffer_set_m3_decision(out, {Action::kSkip, 0, Reason::kBusy}, nullptr, pts_ns);
    drop(buffer, pts, decision);
  } else if (!meta) {
    gst_buffer_set_m3_decision(out, decision, nullptr, pts_ns);
  }
  if (wanted && drops_) {
    tell_load(encode ? static_cast<double>(outbox_.waiting()) / kFramesInFlight : 1);
  }
  return outbox_.put(
      std::make_unique<FrameItem>(element_, out, std::move(tokens), std::move(crop)));
}

GstFlowReturn Encoder::lose(GstBuffer* buffer, GstClockTime pts, const Decision& decision) {
  LostFrames lost;
  lost.from_ns = lost.to_ns = state_->time.stream_time(pts);
  if (lost.to_ns != kNoTime && GST_BUFFER_DURATION_IS_VALID(buffer))
    lost.to_ns += static_cast<int64_t>(GST_BUFFER_DURATION(buffer));
  if (decision.action == Action::kEncode) {
    lost.dropped = 1;
    drop(buffer, pts, decision);
    tell_load(1);
  } else {
    (decision.action == Action::kReuse ? lost.reused : lost.sampled_out) = 1;
  }
  const bool extended = outbox_.amend_last([&](Outbox::Item& last) {
    auto* before = dynamic_cast<LostItem*>(&last);
    if (before) before->extend(lost);
    return before != nullptr;
  });
  return extended ? GST_FLOW_OK : outbox_.put(std::make_unique<LostItem>(lost));
}

// The engine has no time for a frame that should have been encoded: its tokens may be spent again.
void Encoder::drop(GstBuffer* buffer, GstClockTime pts, const Decision& decision) {
  const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(buffer);
  if (meta && meta->policy) meta->policy->give_back(meta->granted_at_ns, decision.tokens());
  ++state_->dropped;
  report_drop(buffer, pts);
}

void Encoder::report_drop(GstBuffer* buffer, GstClockTime pts) {
  const GstSegment& segment = state_->time.segment();
  GstMessage* message = gst_message_new_qos(
      GST_OBJECT(element_), TRUE, gst_segment_to_running_time(&segment, GST_FORMAT_TIME, pts),
      gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, pts), pts, GST_BUFFER_DURATION(buffer));
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, state_->processed, state_->dropped);
  gst_element_post_message(element_, message);
}

void Encoder::tell_load(double load) {
  if (std::abs(load - state_->told_load) < kLoadStep) return;
  state_->told_load = load;
  gst_pad_push_event(sink_, new_load_event({LoadOf::kTower, load}));
}

}  // namespace m3
