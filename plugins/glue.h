// Glue between GStreamer and core, shared by all elements: errors one way, frames the other.
// Threads: free functions and values; call them on the thread that runs the element's vfunc, with
// no lock held.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/frame.h"

namespace m3 {

// Posts the error on the element's bus, once, with the domain and code that fit. kCancelled is not
// an error: nothing.
void post_error(GstElement* element, const char* where, const Error& error);
void post_error(GstElement* element, const char* where, const std::exception& error);

// Runs the body of a vfunc that can reach core. What is thrown becomes one element error and
// `failure`.
template <typename Body>
std::invoke_result_t<Body> guard(gpointer element, const char* where,
                                 std::type_identity_t<std::invoke_result_t<Body>> failure,
                                 Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& error) {
    post_error(GST_ELEMENT(element), where, error);
  } catch (const std::exception& error) {
    post_error(GST_ELEMENT(element), where, error);
  }
  return failure;
}

#define M3_AUTHOR "The gst-matryoshka authors"

// The pictures that core reads.
#define M3_FRAME_FORMATS "{ I420, NV12, RGB }"
#define M3_FRAME_CAPS GST_VIDEO_CAPS_MAKE(M3_FRAME_FORMATS)

// A video buffer mapped for reading for as long as this lives. Strides, offsets and crop come from
// the buffer's metas where it has them, so any layout that GStreamer allows can be read.
class MappedFrame {
 public:
  // Throws kInvalidArgument when the buffer cannot be mapped as `info` says.
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, int64_t pts_ns);
  ~MappedFrame();
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  const FrameView& view() const noexcept { return view_; }

 private:
  GstVideoFrame frame_{};
  FrameView view_;
};

// Throws kUnsupported when the caps are not raw video of one of the formats.
GstVideoInfo video_info_of(const GstCaps* caps);

// True when upstream of `sink` is live (LATENCY query); nobody who answers: not live.
bool is_live(GstPad* sink);

}  // namespace m3
