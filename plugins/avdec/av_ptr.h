// Owning pointers to FFmpeg's objects, and the headers of FFmpeg, which are C and don't say so.
// Threads: as std::unique_ptr.
#pragma once

#include <memory>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/buffer.h>
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
}

#include "core/error.h"

namespace m3 {

struct AvFree {
  void operator()(AVCodecContext* it) const { avcodec_free_context(&it); }
  void operator()(AVCodecParameters* it) const { avcodec_parameters_free(&it); }
  void operator()(AVPacket* it) const { av_packet_free(&it); }
  void operator()(AVFrame* it) const { av_frame_free(&it); }
  void operator()(AVBufferRef* it) const { av_buffer_unref(&it); }
};

template <typename T>
using AvPtr = std::unique_ptr<T, AvFree>;

// Takes what FFmpeg has just allocated. Throws kOutOfMemory when that is nothing.
template <typename T>
AvPtr<T> av_owned(T* it) {
  if (!it) throw Error(ErrorCode::kOutOfMemory, "No memory left for the video decoder");
  return AvPtr<T>(it);
}

// FFmpeg's own words for an error code.
inline std::string av_text(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  return av_strerror(error, text, sizeof(text)) == 0 ? text : "error " + std::to_string(error);
}

}  // namespace m3
