// FFmpeg's pictures in GStreamer's words: pixel formats, and everything else that caps tell about
// one. Threads: pure functions and a value.
#pragma once

#include <gst/video/gstvideodecoder.h>
#include <gst/video/video.h>

#include "plugins/avdec/av_ptr.h"

namespace m3 {

// Caps of all raw pictures that may come out.
GstCaps* new_raw_caps();

// GST_VIDEO_FORMAT_UNKNOWN: GStreamer has no such format.
GstVideoFormat video_format_of(int av_pixel_format);

bool is_interlaced(const AVFrame& frame);
bool top_field_first(const AVFrame& frame);
bool is_key_frame(const AVFrame& frame);
bool is_corrupted(const AVFrame& frame);  // shown with concealed holes

// Whether a stream whose caps don't say it is interlaced, from its frames so far.
class InterlaceHistory {
 public:
  void add(const AVFrame& frame);
  GstVideoInterlaceMode mode() const;      // mixed once frames differed
  GstVideoFieldOrder field_order() const;  // of interleaved frames

 private:
  bool progressive_ = false;
  bool top_first_ = false;
  bool bottom_first_ = false;
  bool repeated_ = false;  // fields, as in film shown at 60 fields a second
};

// What the caps of a decoded picture tell. What the caps of the encoded stream tell goes first: it
// comes from a container or parser, which know more.
// one_field: the picture is one field of a frame that is twice as high. stream_rate: frames a
// second that the stream itself tells, for caps without; 0/1: not known either.
// Throws kUnsupported for a pixel format that GStreamer does not have.
GstVideoInfo picture_info(const AVFrame& frame, const GstVideoCodecState& encoded,
                          const InterlaceHistory& interlace, bool one_field,
                          AVRational stream_rate);

}  // namespace m3
