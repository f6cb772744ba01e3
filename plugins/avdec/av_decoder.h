// AvDecoder: one open FFmpeg decoder. Packets go in with a number, pictures come out with the
// number of the packet that they belong to, in the order of showing. Broken packets are told, never
// thrown: the decoder goes on behind them. Threads: one thread at a time; FFmpeg's own threads work
// behind it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>

extern "C" {
#include <libavutil/hwcontext.h>
}

#include "plugins/avdec/av_ptr.h"

namespace m3 {

struct AvDecoderOptions {
  int threads = 0;    // 0: as many as there are cores, at most 16
  bool live = false;  // no thread works ahead on later frames, which would hold back each one
  bool motion_vectors = false;  // attached to the frames as side data, by codecs that can
  bool quiet = true;  // FFmpeg's own complaints about the stream are not written to stderr
  AVBufferRef* device = nullptr;  // hardware that decodes, where it can; nullptr: none
};

class AvDecoder {
 public:
  // Numbers that are further apart than this may be taken for each other by requested_picture().
  static constexpr int kNumbersRemembered = 1024;

  static bool has_motion_vectors(AVCodecID codec);

  // Throws kUnsupported when FFmpeg refuses the parameters, kOutOfMemory.
  AvDecoder(const AVCodecParameters& parameters, const AvDecoderOptions& options);
  AvDecoder(const AvDecoder&) = delete;  // FFmpeg holds our address
  AvDecoder& operator=(const AvDecoder&) = delete;

  enum class Sent {
    kTaken,
    kFull,    // not taken: receive() first
    kBroken,  // taken, and something in it or in an earlier packet could not be decoded
  };
  Sent send(std::span<const uint8_t> packet, int64_t number, bool key_frame);
  // No packet follows: receive() gives what is left, then kEnd, until flush().
  void drain();

  enum class Received { kPicture, kNothing, kBroken, kEnd };
  // kPicture fills the frame; its pts is the packet's number.
  Received receive(AVFrame& frame);

  // Forgets all pictures, also after drain().
  void flush();

  // Pictures that others are not predicted from need not be decoded, from the next packet on.
  void skip_unneeded(bool skip);

  // True when the packet of that number began a picture. False for ever for a second field and for
  // what is no picture at all. Holds for all packets but the last sent; only when tells_requests().
  bool requested_picture(int64_t number) const;
  bool tells_requests() const;

  bool reorders() const { return reorders_; }  // pictures may come in another order than packets
  // True when the frame's motion vectors are known: software decoded it and the codec has them.
  bool gives_motion_vectors(const AVFrame& frame) const;
  int threads() const { return context_->thread_count; }  // at work
  int delay_frames() const;  // packets that go in before the first picture comes out
  AVRational frame_rate() const {
    return context_->framerate;
  }                                // as the stream tells it; 0/1: it does not
  std::string codec_name() const;  // "h264"

 private:
  static int get_buffer(AVCodecContext* context, AVFrame* frame, int flags);

  AvPtr<AVPacket> packet_;
  bool reorders_ = false;
  // Slot number % size holds number + 1. Written by FFmpeg's threads.
  std::array<std::atomic<int64_t>, kNumbersRemembered> requested_{};
  AvPtr<AVCodecContext> context_;  // last: its threads end before the rest goes
};

}  // namespace m3
