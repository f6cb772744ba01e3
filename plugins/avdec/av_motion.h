// What a decoded frame tells about its coding, in core's words: picture type and, where the decoder
// exported them, motion vectors. Threads: one stream's on one thread at a time.
#pragma once

#include <cstddef>

#include "core/codec_motion.h"
#include "plugins/avdec/av_ptr.h"

namespace m3 {

PictureType picture_type_of(const AVFrame& frame);

class AvMotion {
 public:
  // Call for every frame, in the order of showing. vectors: the decoder exports them, so a
  // predicted picture without any was coded anew from edge to edge.
  void describe(const AVFrame& frame, size_t packet_bytes, bool vectors, CodecMotion& motion);
  // The next frame does not follow the last one.
  void reset() { order_.reset(); }

 private:
  ReferenceOrder order_;
  MotionGrid grid_;
};

}  // namespace m3
