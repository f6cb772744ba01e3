#include "plugins/avdec/av_decoder.h"

#include <algorithm>
#include <cstring>

extern "C" {
#include <libavutil/cpu.h>
}

namespace m3 {
namespace {

constexpr int kMostThreads = 16;  // more only cost memory and delay
// A picture of 8192x8192 takes 96 MiB, and a decoder holds some twenty: what is larger is a broken
// header.
constexpr int64_t kMostPixels = int64_t{8192} * 8192;
// Above all levels that FFmpeg writes by default.
constexpr int kQuietOffset = 2 * AV_LOG_TRACE;

}  // namespace

bool AvDecoder::has_motion_vectors(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_MPEG4 ||
         codec == AV_CODEC_ID_MPEG2VIDEO || codec == AV_CODEC_ID_MPEG1VIDEO;
}

AvDecoder::AvDecoder(const AVCodecParameters& parameters, const AvDecoderOptions& options)
    : packet_(av_owned(av_packet_alloc())) {
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (!codec) {
    throw Error(ErrorCode::kUnsupported, std::string("This FFmpeg has no decoder for ") +
                                             avcodec_get_name(parameters.codec_id));
  }
  const AVCodecDescriptor* descriptor = avcodec_descriptor_get(parameters.codec_id);
  reorders_ = descriptor && (descriptor->props & AV_CODEC_PROP_REORDER);

  context_ = av_owned(avcodec_alloc_context3(codec));
  int result = avcodec_parameters_to_context(context_.get(), &parameters);
  context_->opaque = this;
  context_->get_buffer2 = get_buffer;
#if LIBAVCODEC_VERSION_MAJOR < 60
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  context_->thread_safe_callbacks = 1;  // get_buffer() is called from FFmpeg's threads at once
#pragma GCC diagnostic pop
#endif
  context_->log_level_offset = options.quiet ? kQuietOffset : 0;
  context_->max_pixels = kMostPixels;
  context_->err_recognition = AV_EF_CRCCHECK;
  // Pictures are cut exactly as the stream says, and shown with their holes concealed rather than
  // left out.
  context_->flags |= AV_CODEC_FLAG_UNALIGNED | AV_CODEC_FLAG_OUTPUT_CORRUPT;
  if (options.live && !reorders_) context_->flags |= AV_CODEC_FLAG_LOW_DELAY;
  if (options.motion_vectors) context_->flags2 |= AV_CODEC_FLAG2_EXPORT_MVS;
  context_->thread_type = options.live ? FF_THREAD_SLICE : FF_THREAD_SLICE | FF_THREAD_FRAME;
  context_->thread_count =
      options.threads > 0 ? options.threads : std::min(av_cpu_count(), kMostThreads);
  // Strict waits until the order of pictures is certain; a live stream would wait too long.
  context_->strict_std_compliance = options.live ? FF_COMPLIANCE_NORMAL : FF_COMPLIANCE_STRICT;
  if (options.device) context_->hw_device_ctx = av_owned(av_buffer_ref(options.device)).release();

  if (result >= 0) result = avcodec_open2(context_.get(), codec, nullptr);
  if (result < 0) {
    throw Error(result == AVERROR(ENOMEM) ? ErrorCode::kOutOfMemory : ErrorCode::kUnsupported,
                std::string("FFmpeg's decoder ") + codec->name + " does not take the stream: " +
                    av_text(result) + "; its caps or their codec_data are wrong");
  }
}

int AvDecoder::get_buffer(AVCodecContext* context, AVFrame* frame, int flags) {
  auto* self = static_cast<AvDecoder*>(context->opaque);
  if (frame->pts >= 0) {
    self->requested_[frame->pts % kNumbersRemembered].store(frame->pts + 1,
                                                            std::memory_order_relaxed);
  }
  return avcodec_default_get_buffer2(context, frame, flags);
}

AvDecoder::Sent AvDecoder::send(std::span<const uint8_t> packet, int64_t number, bool key_frame) {
  // A packet without bytes would mean the end of the stream.
  if (packet.empty()) return Sent::kBroken;
  if (packet.size() > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE ||
      av_new_packet(packet_.get(), static_cast<int>(packet.size())) < 0) {
    throw Error(ErrorCode::kOutOfMemory,
                "No memory for a packet of " + std::to_string(packet.size()) + " bytes");
  }
  std::memcpy(packet_->data, packet.data(), packet.size());
  packet_->pts = number;
  if (key_frame) packet_->flags |= AV_PKT_FLAG_KEY;
  const int result = avcodec_send_packet(context_.get(), packet_.get());
  av_packet_unref(packet_.get());
  if (result == AVERROR(EAGAIN)) return Sent::kFull;
  return result < 0 ? Sent::kBroken : Sent::kTaken;
}

void AvDecoder::drain() { avcodec_send_packet(context_.get(), nullptr); }

AvDecoder::Received AvDecoder::receive(AVFrame& frame) {
  const int result = avcodec_receive_frame(context_.get(), &frame);
  if (result == AVERROR(EAGAIN)) return Received::kNothing;
  if (result == AVERROR_EOF) return Received::kEnd;
  return result < 0 ? Received::kBroken : Received::kPicture;
}

void AvDecoder::flush() {
  avcodec_flush_buffers(context_.get());
  for (std::atomic<int64_t>& slot : requested_) slot.store(0, std::memory_order_relaxed);
}

void AvDecoder::skip_unneeded(bool skip) {
  context_->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

bool AvDecoder::requested_picture(int64_t number) const {
  return requested_[number % kNumbersRemembered].load(std::memory_order_relaxed) == number + 1;
}

bool AvDecoder::tells_requests() const { return context_->codec->capabilities & AV_CODEC_CAP_DR1; }

bool AvDecoder::gives_motion_vectors(const AVFrame& frame) const {
  // FFmpeg keeps none of B pictures of MPEG-4: what it exports are those of an earlier picture.
  if (context_->codec_id == AV_CODEC_ID_MPEG4 && frame.pict_type == AV_PICTURE_TYPE_B) return false;
  return (context_->flags2 & AV_CODEC_FLAG2_EXPORT_MVS) && !context_->hw_frames_ctx &&
         has_motion_vectors(context_->codec_id);
}

int AvDecoder::delay_frames() const {
  const int ahead =
      context_->active_thread_type == FF_THREAD_FRAME ? context_->thread_count - 1 : 0;
  return std::max(context_->has_b_frames, context_->delay) + ahead;
}

std::string AvDecoder::codec_name() const { return avcodec_get_name(context_->codec_id); }

}  // namespace m3
