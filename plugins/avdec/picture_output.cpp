#include "plugins/avdec/picture_output.h"

#include <utility>

#include "plugins/avdec/av_frame_buffers.h"
#include "plugins/avdec/av_hardware.h"

namespace m3 {
namespace {

// Of a stream that tells neither times nor a rate, as FFmpeg assumes.
constexpr AVRational kAssumedRate = {25, 1};

bool equal(const GstVideoInfo& a, const GstVideoInfo& b) {
  return gst_video_info_is_equal(&a, &b) &&
         GST_VIDEO_INFO_FIELD_ORDER(&a) == GST_VIDEO_INFO_FIELD_ORDER(&b);
}

void set_flags(const AVFrame& picture, const GstVideoCodecFrame& frame) {
  GstBuffer* buffer = frame.output_buffer;
  if (is_corrupted(picture)) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_CORRUPTED);
  if (is_interlaced(picture)) {
    GST_BUFFER_FLAG_SET(buffer, GST_VIDEO_BUFFER_FLAG_INTERLACED);
    if (top_field_first(picture)) GST_BUFFER_FLAG_SET(buffer, GST_VIDEO_BUFFER_FLAG_TFF);
    if (picture.repeat_pict > 0) GST_BUFFER_FLAG_SET(buffer, GST_VIDEO_BUFFER_FLAG_RFF);
  }
  // FFmpeg does not tell which field a picture of one field is; the parser does.
  if (GST_BUFFER_FLAG_IS_SET(frame.input_buffer, GST_VIDEO_BUFFER_FLAG_ONEFIELD)) {
    GST_BUFFER_FLAG_SET(buffer, GST_VIDEO_BUFFER_FLAG_ONEFIELD);
    if (GST_BUFFER_FLAG_IS_SET(frame.input_buffer, GST_VIDEO_BUFFER_FLAG_TFF)) {
      GST_BUFFER_FLAG_SET(buffer, GST_VIDEO_BUFFER_FLAG_TFF);
    }
  }
}

}  // namespace

void PictureOutput::start_format(GstVideoCodecState* format) {
  format_.reset(gst_video_codec_state_ref(format));
  next_format_.reset();
  info_.reset();
  interlace_ = {};
  assumes_rate_ = false;
}

void PictureOutput::change_format(GstVideoCodecState* format, int64_t number) {
  finish_change();
  next_format_.reset(gst_video_codec_state_ref(format));
  next_from_ = number;
}

void PictureOutput::finish_change() {
  if (!next_format_) return;
  format_ = std::move(next_format_);
  info_.reset();
}

GstFlowReturn PictureOutput::fill(AvPtr<AVFrame> picture, GstVideoCodecFrame* frame,
                                  AVRational stream_rate) {
  if (next_format_ && frame->system_frame_number >= next_from_) finish_change();
  GstFlowReturn flow = negotiate(*picture, *frame, stream_rate);
  if (flow != GST_FLOW_OK) return flow;
  if (!reads_any_layout_ || !can_wrap(*picture, *info_)) {
    flow = gst_video_decoder_allocate_output_frame(base_, frame);
    if (flow != GST_FLOW_OK) return flow;
    copy_picture(*picture, *info_, frame->output_buffer);
    set_flags(*picture, *frame);
    return GST_FLOW_OK;
  }
  const AVFrame& kept = *picture;  // by the buffer
  frame->output_buffer = wrap_picture(std::move(picture), *info_);
  set_flags(kept, *frame);
  return GST_FLOW_OK;
}

GstFlowReturn PictureOutput::negotiate(const AVFrame& picture, const GstVideoCodecFrame& frame,
                                       AVRational stream_rate) {
  interlace_.add(picture);
  const bool timed = GST_CLOCK_TIME_IS_VALID(frame.pts) || GST_CLOCK_TIME_IS_VALID(frame.dts);
  if (!info_) assumes_rate_ = assumes_rate_ || (!timed && stream_rate.num <= 0);
  const bool one_field = GST_BUFFER_FLAG_IS_SET(frame.input_buffer, GST_VIDEO_BUFFER_FLAG_ONEFIELD);
  const GstVideoInfo info = picture_info(picture, *format_, interlace_, one_field,
                                         assumes_rate_ ? kAssumedRate : stream_rate);
  GstPad* pad = GST_VIDEO_DECODER_SRC_PAD(base_);
  if (info_ && equal(info, *info_)) {
    // Downstream may ask for it, when somebody else was linked.
    if (!gst_pad_check_reconfigure(pad)) return GST_FLOW_OK;
  } else {
    GstVideoCodecState* state = gst_video_decoder_set_interlaced_output_state(
        base_, GST_VIDEO_INFO_FORMAT(&info), GST_VIDEO_INFO_INTERLACE_MODE(&info),
        GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info), format_.get());
    if (!state) return GST_FLOW_NOT_NEGOTIATED;
    state->info = info;
    gst_video_codec_state_unref(state);
    info_ = info;
  }
  if (gst_video_decoder_negotiate(base_)) return GST_FLOW_OK;
  info_.reset();
  return GST_PAD_IS_FLUSHING(pad) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
}

void PictureOutput::decide_allocation(GstQuery* query) {
  reads_any_layout_ = gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
}

AVRational PictureOutput::frame_rate() const {
  if (!info_ || info_->fps_n <= 0 || info_->fps_d <= 0) return {0, 1};
  return {info_->fps_n, info_->fps_d};
}

}  // namespace m3
