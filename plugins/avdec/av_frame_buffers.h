// Decoded pictures as GStreamer buffers: a view of FFmpeg's own planes where downstream can read
// any layout, else a copy. Threads: pure functions; buffers may be freed on any thread, also after
// the decoder is gone.
#pragma once

#include <gst/video/video.h>

#include "plugins/avdec/av_ptr.h"

namespace m3 {

// False when a plane is missing or runs upwards.
bool can_wrap(const AVFrame& picture, const GstVideoInfo& info);

// A buffer over the picture's planes, with a GstVideoMeta that says where they lie. The picture
// lives as long as any of the memory. What the decoder may still read, to predict other pictures,
// is read-only: whoever wants to write gets a copy.
GstBuffer* wrap_picture(AvPtr<AVFrame> picture, const GstVideoInfo& info);

// Copies the picture into a buffer of that format and size. Throws kOutOfMemory when it can't be
// mapped.
void copy_picture(const AVFrame& picture, const GstVideoInfo& info, GstBuffer* buffer);

}  // namespace m3
