// PictureOutput: the way of a decoded picture into the buffer that goes downstream: caps, memory
// and flags. Threads: the streaming thread, with the base class's stream lock.
#pragma once

#include <gst/video/gstvideodecoder.h>
#include <gst/video/video.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "plugins/avdec/av_formats.h"
#include "plugins/avdec/av_ptr.h"

namespace m3 {

struct CodecStateUnref {
  void operator()(GstVideoCodecState* it) const { gst_video_codec_state_unref(it); }
};
using CodecStatePtr = std::unique_ptr<GstVideoCodecState, CodecStateUnref>;

class PictureOutput {
 public:
  explicit PictureOutput(GstVideoDecoder* base) : base_(base) {}  // borrowed

  // Caps of the encoded stream. start_format() for another stream: no picture of the one before
  // comes any more.
  void start_format(GstVideoCodecState* format);
  // New caps of the same stream, that hold from packet `number` on: pictures of earlier ones are
  // still to come.
  void change_format(GstVideoCodecState* format, int64_t number);
  // No picture of earlier packets comes any more.
  void finish_change();

  // Sets the frame's output buffer, negotiating first when the picture is of another kind than the
  // last one. stream_rate: frames a second that the stream tells, 0/1: unknown. Throws
  // kUnsupported, kOutOfMemory.
  GstFlowReturn fill(AvPtr<AVFrame> picture, GstVideoCodecFrame* frame, AVRational stream_rate);

  // After the base class has made a pool of it.
  void decide_allocation(GstQuery* query);

  // As negotiated; 0/1: not known.
  AVRational frame_rate() const;

 private:
  GstFlowReturn negotiate(const AVFrame& picture, const GstVideoCodecFrame& frame,
                          AVRational stream_rate);

  GstVideoDecoder* const base_;
  CodecStatePtr format_;
  CodecStatePtr next_format_;         // null: no change waits
  int64_t next_from_ = 0;             // number of the first packet of next_format_
  std::optional<GstVideoInfo> info_;  // as negotiated
  bool reads_any_layout_ = false;     // downstream does
  bool assumes_rate_ = false;         // the stream tells neither times nor a rate
  InterlaceHistory interlace_;
};

}  // namespace m3
