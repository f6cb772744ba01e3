// Which encoded streams FFmpeg decodes here: GStreamer's caps on one side, codec parameters on the
// other. Threads: pure functions.
#pragma once

#include <gst/gst.h>

#include "plugins/avdec/av_ptr.h"

namespace m3 {

// Caps of all streams that this libavcodec has a decoder for, whole frames or access units only:
// what a parser gives.
GstCaps* new_encoded_caps();

// What a decoder needs to know to decode a stream of these caps. Throws kUnsupported when no
// decoder takes them.
AvPtr<AVCodecParameters> codec_parameters_of(const GstCaps* caps);

// True when a decoder that was opened for `a` may go on with `b`: whatever else has changed stands
// in the stream itself.
bool same_decoder(const AVCodecParameters& a, const AVCodecParameters& b);

}  // namespace m3
