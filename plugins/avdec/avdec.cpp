#include "plugins/avdec/avdec.h"

#include <bit>
#include <span>
#include <utility>

#include "core/codec_motion.h"
#include "plugins/avdec/av_codecs.h"
#include "plugins/avdec/av_decoder.h"
#include "plugins/avdec/av_formats.h"
#include "plugins/avdec/av_motion.h"
#include "plugins/avdec/picture_output.h"
#include "plugins/glue.h"
#include "plugins/gstm3codecmeta.h"

GST_DEBUG_CATEGORY_EXTERN(gst_m3_avdec_debug);
#define GST_CAT_DEFAULT gst_m3_avdec_debug

namespace m3 {
namespace {

// Packets that a picture may be behind those that are shown before it, in any codec.
constexpr int64_t kLongestReorder = 256;
// A decoder that tells of one broken thing after the other without taking a packet is left alone.
constexpr int kMostBrokenInARow = 64;

struct FrameUnref {
  void operator()(GstVideoCodecFrame* it) const { gst_video_codec_frame_unref(it); }
};
using FramePtr = std::unique_ptr<GstVideoCodecFrame, FrameUnref>;

// A packet's bytes for as long as this lives.
class MappedPacket {
 public:
  explicit MappedPacket(GstBuffer* buffer) : buffer_(buffer) {
    if (!gst_buffer_map(buffer, &map_, GST_MAP_READ)) {
      throw Error(ErrorCode::kInvalidArgument, "A packet's memory cannot be read");
    }
  }
  ~MappedPacket() { gst_buffer_unmap(buffer_, &map_); }
  MappedPacket(const MappedPacket&) = delete;
  MappedPacket& operator=(const MappedPacket&) = delete;
  std::span<const uint8_t> bytes() const { return {map_.data, map_.size}; }

 private:
  GstBuffer* buffer_;
  GstMapInfo map_;
};

// Marks a packet that was sent while the decoder left out unneeded pictures.
gpointer late_mark() {
  static char mark;
  return &mark;
}

}  // namespace

struct Avdec::State {
  explicit State(GstVideoDecoder* base) : output(base) {}

  AvPtr<AVCodecParameters> parameters;  // of `decoder`
  HardwareDevice hardware;
  bool hardware_checked = false;       // whether it decodes
  std::unique_ptr<AvDecoder> decoder;  // null before the first caps
  int64_t newest = -1;                 // number of the packet sent last
  bool draining = false;               // no packet follows: what has not begun a picture never will
  GstClockTime latency = GST_CLOCK_TIME_NONE;  // as told, none: not yet
  PictureOutput output;
  AvMotion motion;
  CodecMotion described;  // of the picture at hand
};

Avdec::Avdec(GstVideoDecoder* base) : base_(base) {}
Avdec::~Avdec() = default;

AvdecSettings Avdec::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Avdec::set_settings(const AvdecSettings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
}

AvdecStats Avdec::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Avdec::start() {
  state_ = std::make_unique<State>(base_);
  const std::lock_guard lock(mutex_);
  stats_ = {};
}

void Avdec::stop() { state_.reset(); }

void Avdec::set_format(GstVideoCodecState* format) {
  State& state = *state_;
  auto parameters = codec_parameters_of(format->caps);
  if (state.decoder && same_decoder(*state.parameters, *parameters)) {
    state.output.change_format(format, state.newest + 1);
    return;
  }
  if (state.decoder) drain();
  state.decoder.reset();
  state.output.start_format(format);
  open(std::move(parameters));
}

void Avdec::open(AvPtr<AVCodecParameters> parameters) {
  State& state = *state_;
  const AvdecSettings settings = this->settings();
  const bool codec_has_vectors = AvDecoder::has_motion_vectors(parameters->codec_id);
  Hardware wanted = settings.hwaccel;
  if (settings.motion_vectors == VectorExport::kOn) {
    if (codec_has_vectors) {
      wanted = Hardware::kNone;
    } else {
      GST_ELEMENT_WARNING(base_, STREAM, NOT_IMPLEMENTED,
                          ("FFmpeg exports no motion vectors of %s; frames carry picture type and "
                           "packet size only",
                           avcodec_get_name(parameters->codec_id)),
                          (nullptr));
    }
  }
  state.hardware = open_hardware(wanted, parameters->codec_id);
  state.hardware_checked = !state.hardware.device;
  if (!state.hardware.problem.empty()) {
    GST_ELEMENT_WARNING(base_, RESOURCE, OPEN_READ,
                        ("Video is decoded in software: %s", state.hardware.problem.c_str()),
                        (nullptr));
  }
  AvDecoderOptions options;
  options.threads = settings.max_threads;
  options.live = is_live(GST_VIDEO_DECODER_SINK_PAD(base_));
  options.motion_vectors = settings.motion_vectors != VectorExport::kOff;
  options.quiet = gst_debug_category_get_threshold(gst_m3_avdec_debug) < GST_LEVEL_LOG;
  options.device = state.hardware.device.get();
  state.decoder = std::make_unique<AvDecoder>(*parameters, options);
  state.parameters = std::move(parameters);
  {
    const std::lock_guard lock(mutex_);
    stats_.codec = state.decoder->codec_name();
    stats_.hwaccel = state.hardware.name;
    stats_.threads = state.decoder->threads();
  }
  GST_INFO_OBJECT(base_, "%s with %d threads%s%s", state.decoder->codec_name().c_str(),
                  state.decoder->threads(), options.live ? ", live" : "",
                  state.hardware.device ? ", by hardware" : "");
}

GstFlowReturn Avdec::decode(GstVideoCodecFrame* taken) {
  FramePtr frame(taken);
  State& state = *state_;
  if (!state.decoder) return GST_FLOW_NOT_NEGOTIATED;
  const int64_t number = frame->system_frame_number;
  if (gst_buffer_get_size(frame->input_buffer) == 0) {
    gst_video_decoder_release_frame(base_, frame.release());
    return GST_FLOW_OK;
  }
  // A picture that others need is decoded however late it is.
  const bool late = gst_video_decoder_get_max_decode_time(base_, frame.get()) < 0;
  state.decoder->skip_unneeded(late);
  if (late) gst_video_codec_frame_set_user_data(frame.get(), late_mark(), nullptr);

  const MappedPacket packet(frame->input_buffer);
  const bool key = GST_VIDEO_CODEC_FRAME_IS_SYNC_POINT(frame.get());
  GstFlowReturn flow = GST_FLOW_OK;
  AvDecoder::Sent sent = state.decoder->send(packet.bytes(), number, key);
  if (sent == AvDecoder::Sent::kFull) {
    flow = show_pictures();
    if (flow != GST_FLOW_OK) return flow;
    sent = state.decoder->send(packet.bytes(), number, key);
  }
  state.newest = number;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.packets;
    stats_.packet_bytes += packet.bytes().size();
  }
  if (sent != AvDecoder::Sent::kTaken) flow = report_broken();
  return flow == GST_FLOW_OK ? show_pictures() : flow;
}

GstFlowReturn Avdec::show_pictures() {
  State& state = *state_;
  for (int broken = 0; broken < kMostBrokenInARow;) {
    auto picture = av_owned(av_frame_alloc());
    GstFlowReturn flow = GST_FLOW_OK;
    switch (state.decoder->receive(*picture)) {
      case AvDecoder::Received::kPicture:
        broken = 0;
        flow = show(std::move(picture));
        break;
      case AvDecoder::Received::kBroken:
        ++broken;
        flow = report_broken();
        break;
      case AvDecoder::Received::kNothing:
      case AvDecoder::Received::kEnd:
        return GST_FLOW_OK;
    }
    if (flow != GST_FLOW_OK) return flow;
  }
  return GST_FLOW_OK;
}

GstFlowReturn Avdec::show(AvPtr<AVFrame> picture) {
  State& state = *state_;
  const int64_t number = picture->pts;
  FramePtr frame(gst_video_decoder_get_frame(base_, static_cast<int>(number)));
  if (!frame) {
    GST_WARNING_OBJECT(base_, "packet %" G_GINT64_FORMAT " gave a second picture; left out",
                       number);
    return GST_FLOW_OK;
  }
  check_hardware(*picture);
  if (in_device_memory(*picture)) picture = to_host_memory(*picture);
  const bool vectors = state.decoder->gives_motion_vectors(*picture);
  const size_t packet_bytes = gst_buffer_get_size(frame->input_buffer);
  state.motion.describe(*picture, packet_bytes, vectors, state.described);
  // A megabyte or so, which need not live as long as the picture.
  av_frame_remove_side_data(picture.get(), AV_FRAME_DATA_MOTION_VECTORS);
  const bool corrupted = is_corrupted(*picture);

  GstFlowReturn flow =
      state.output.fill(std::move(picture), frame.get(), state.decoder->frame_rate());
  if (flow != GST_FLOW_OK) {
    gst_video_decoder_release_frame(base_, frame.release());
    return flow;
  }
  gst_buffer_add_m3_codec_meta(frame->output_buffer)->motion = state.described;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.frames;
    stats_.vector_frames += state.described.has_vectors;
    stats_.corrupted += corrupted;
  }
  update_latency();
  release_unshown(number);
  return gst_video_decoder_finish_frame(base_, frame.release());
}

void Avdec::check_hardware(const AVFrame& picture) {
  State& state = *state_;
  if (state.hardware_checked) return;
  state.hardware_checked = true;
  if (in_device_memory(picture)) return;
  GST_ELEMENT_WARNING(base_, RESOURCE, FAILED,
                      ("Video is decoded in software: %s on %s does not take this stream",
                       state.decoder->codec_name().c_str(), state.hardware.name.c_str()),
                      (nullptr));
  const std::lock_guard lock(mutex_);
  stats_.hwaccel.clear();
}

void Avdec::update_latency() {
  State& state = *state_;
  const AVRational rate = state.output.frame_rate();
  if (rate.num <= 0) return;
  const GstClockTime latency =
      gst_util_uint64_scale_ceil(static_cast<guint64>(state.decoder->delay_frames()) * GST_SECOND,
                                 static_cast<guint64>(rate.den), static_cast<guint64>(rate.num));
  if (latency == state.latency) return;
  state.latency = latency;
  gst_video_decoder_set_latency(base_, latency, latency);
}

GstFlowReturn Avdec::report_broken() {
  uint64_t errors = 0;
  uint64_t packets = 0;
  {
    const std::lock_guard lock(mutex_);
    errors = ++stats_.errors;
    packets = stats_.packets;
  }
  // At 1, 2, 4, 8, ...: a stream that stays broken does not flood the bus.
  if (std::has_single_bit(errors)) {
    GST_ELEMENT_WARNING(base_, STREAM, DECODE,
                        ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                         " packets are broken; what they lack is concealed",
                         errors, packets),
                        (nullptr));
  }
  GstFlowReturn flow = GST_FLOW_OK;
  GST_VIDEO_DECODER_ERROR(base_, 1, STREAM, DECODE,
                          ("Too many broken packets in a row; the stream is damaged or not what "
                           "its caps say"),
                          ("packet %" G_GUINT64_FORMAT, packets), flow);
  return flow;
}

// Packets that are never shown would pile up, and their times be taken for those of others: second
// fields, headers, frames that are only predicted from, frames that broke.
void Avdec::release_unshown(std::optional<int64_t> shown) {
  State& state = *state_;
  const AvDecoder& decoder = *state.decoder;
  uint64_t unshown = 0;
  uint64_t skipped = 0;
  GList* frames = gst_video_decoder_get_frames(base_);
  for (GList* link = frames; link; link = link->next) {
    FramePtr frame(static_cast<GstVideoCodecFrame*>(link->data));
    const int64_t number = frame->system_frame_number;
    bool never = !shown;
    if (shown && number != *shown) {
      if (!decoder.reorders()) {
        never = number < *shown;
      } else if (decoder.tells_requests() && !decoder.requested_picture(number)) {
        never = state.draining || number < state.newest;
      } else {
        never = number < state.newest - kLongestReorder;
      }
    }
    if (!never) continue;
    const bool late = gst_video_codec_frame_get_user_data(frame.get()) == late_mark();
    (late ? skipped : unshown) += 1;
    if (late) report_skipped(*frame);
    gst_video_decoder_release_frame(base_, frame.release());
  }
  g_list_free(frames);
  if (unshown + skipped == 0) return;
  const std::lock_guard lock(mutex_);
  stats_.unshown += unshown;
  stats_.skipped += skipped;
}

void Avdec::report_skipped(const GstVideoCodecFrame& frame) {
  const GstSegment& segment = base_->output_segment;
  const AvdecStats stats = this->stats();
  GstMessage* message = gst_message_new_qos(
      GST_OBJECT(base_), FALSE, gst_segment_to_running_time(&segment, GST_FORMAT_TIME, frame.pts),
      gst_segment_to_stream_time(&segment, GST_FORMAT_TIME, frame.pts), frame.pts, frame.duration);
  gst_message_set_qos_values(message, 0, gst_video_decoder_get_qos_proportion(base_), 1000000);
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, stats.frames, stats.skipped + 1);
  gst_element_post_message(GST_ELEMENT(base_), message);
}

GstFlowReturn Avdec::drain() {
  State& state = *state_;
  if (!state.decoder) return GST_FLOW_OK;
  state.decoder->drain();
  state.draining = true;
  const GstFlowReturn flow = show_pictures();
  state.draining = false;
  state.decoder->flush();
  release_unshown(std::nullopt);
  state.newest = -1;
  state.output.finish_change();
  return flow;
}

void Avdec::flush() {
  State& state = *state_;
  if (!state.decoder) return;
  state.decoder->flush();
  state.newest = -1;
  state.output.finish_change();
  state.motion.reset();
}

void Avdec::decide_allocation(GstQuery* query) {
  if (state_) state_->output.decide_allocation(query);
}

}  // namespace m3
