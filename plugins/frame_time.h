// FrameTime: the times of a stream's buffers. A buffer without a PTS gets one from what went
// before: the caps' frame rate counts on, or the last time holds. Threads: streaming thread only.
#pragma once

#include <gst/gst.h>

#include "core/frame.h"

namespace m3 {

class FrameTime {
 public:
  FrameTime() { reset(); }

  // A new stream, or flushed.
  void reset() {
    gst_segment_init(&segment_, GST_FORMAT_TIME);
    next_pts_ = GST_CLOCK_TIME_NONE;
  }
  // Segments in bytes have no times: buffers' own times stand as they are.
  void set_segment(const GstSegment& segment) {
    if (segment.format == GST_FORMAT_TIME) {
      gst_segment_copy_into(&segment, &segment_);
    } else {
      gst_segment_init(&segment_, GST_FORMAT_TIME);
    }
    next_pts_ = GST_CLOCK_TIME_NONE;
  }
  // From caps; 0/1: not known.
  void set_rate(int numerator, int denominator) {
    step_ = numerator > 0 && denominator > 0
                ? gst_util_uint64_scale(GST_SECOND, static_cast<guint64>(denominator),
                                        static_cast<guint64>(numerator))
                : 0;
  }
  const GstSegment& segment() const noexcept { return segment_; }

  // The buffer's PTS, or the one it gets. Call once a buffer, in order.
  GstClockTime pts_of(GstBuffer* buffer) {
    GstClockTime pts = GST_BUFFER_PTS(buffer);
    if (!GST_CLOCK_TIME_IS_VALID(pts)) {
      pts = GST_CLOCK_TIME_IS_VALID(next_pts_) ? next_pts_ : segment_.start;
    }
    next_pts_ = pts + step_;
    return pts;
  }

  // kNoTime outside the segment: such a buffer is not part of what is played.
  int64_t stream_time(GstClockTime pts) const {
    return time_or_none(gst_segment_to_stream_time(&segment_, GST_FORMAT_TIME, pts));
  }
  // Where in the segment a stream time lies; GST_CLOCK_TIME_NONE outside it.
  GstClockTime pts_at(int64_t stream_time_ns) const {
    return gst_segment_position_from_stream_time(&segment_, GST_FORMAT_TIME,
                                                 static_cast<guint64>(stream_time_ns));
  }

 private:
  static int64_t time_or_none(guint64 time) {
    return time == GST_CLOCK_TIME_NONE ? kNoTime : static_cast<int64_t>(time);
  }

  GstSegment segment_{};
  GstClockTime step_ = 0;  // duration of a frame, 0: not known
  GstClockTime next_pts_ = GST_CLOCK_TIME_NONE;
};

}  // namespace m3
