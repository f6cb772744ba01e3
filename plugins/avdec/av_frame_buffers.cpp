#include "plugins/avdec/av_frame_buffers.h"

#include <algorithm>
#include <atomic>
#include <utility>

extern "C" {
#include <libavutil/imgutils.h>
}

#include "core/error.h"

namespace m3 {
namespace {

// Keeps the picture for the memories of its planes.
struct Owner {
  AvPtr<AVFrame> picture;
  std::atomic<int> uses;
};

void drop(gpointer owner) {
  auto* self = static_cast<Owner*>(owner);
  if (self->uses.fetch_sub(1, std::memory_order_acq_rel) == 1) delete self;
}

// Bytes from the first of the plane to the end of its last row, row padding included as far as it
// is the picture's.
size_t plane_bytes(AVFrame& picture, int plane, size_t row_bytes, size_t rows) {
  const auto stride = static_cast<size_t>(picture.linesize[plane]);
  const size_t needed = stride * (rows - 1) + row_bytes;
  for (const AVBufferRef* buffer : picture.buf) {
    if (!buffer || picture.data[plane] < buffer->data ||
        picture.data[plane] >= buffer->data + buffer->size) {
      continue;
    }
    const size_t left = buffer->size - (picture.data[plane] - buffer->data);
    return std::min(left, stride * rows);
  }
  return needed;  // the decoder's own memory, whose end FFmpeg does not tell
}

}  // namespace

bool can_wrap(const AVFrame& picture, const GstVideoInfo& info) {
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); ++i) {
    if (!picture.data[i] || picture.linesize[i] < 0) return false;
  }
  return true;
}

GstBuffer* wrap_picture(AvPtr<AVFrame> picture, const GstVideoInfo& info) {
  const auto planes = static_cast<int>(GST_VIDEO_INFO_N_PLANES(&info));
  const bool shared = av_frame_is_writable(picture.get()) <= 0;
  const auto flags = shared ? GST_MEMORY_FLAG_READONLY : static_cast<GstMemoryFlags>(0);
  auto* owner = new Owner{std::move(picture), planes};
  AVFrame& frame = *owner->picture;

  GstBuffer* buffer = gst_buffer_new();
  gsize offsets[GST_VIDEO_MAX_PLANES] = {};
  gint strides[GST_VIDEO_MAX_PLANES] = {};
  gsize end = 0;
  for (int i = 0; i < planes; ++i) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(info.finfo, i, components);
    const auto row_bytes = static_cast<size_t>(GST_VIDEO_INFO_COMP_WIDTH(&info, components[0])) *
                           GST_VIDEO_INFO_COMP_PSTRIDE(&info, components[0]);
    const auto rows = static_cast<size_t>(GST_VIDEO_INFO_COMP_HEIGHT(&info, components[0]));
    const size_t bytes = plane_bytes(frame, i, row_bytes, rows);
    offsets[i] = end;
    strides[i] = frame.linesize[i];
    end += bytes;
    gst_buffer_append_memory(
        buffer, gst_memory_new_wrapped(flags, frame.data[i], bytes, 0, bytes, owner, drop));
  }
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
                                 GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info),
                                 static_cast<guint>(planes), offsets, strides);
  return buffer;
}

void copy_picture(const AVFrame& picture, const GstVideoInfo& info, GstBuffer* buffer) {
  GstVideoFrame mapped;
  if (!gst_video_frame_map(&mapped, &info, buffer, GST_MAP_WRITE)) {
    throw Error(ErrorCode::kOutOfMemory, "A buffer of the pool downstream cannot be written");
  }
  uint8_t* planes[4] = {};
  int strides[4] = {};
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(&mapped); ++i) {
    planes[i] = static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped, i));
    strides[i] = GST_VIDEO_FRAME_PLANE_STRIDE(&mapped, i);
  }
  const uint8_t* from[4] = {picture.data[0], picture.data[1], picture.data[2], picture.data[3]};
  av_image_copy(planes, strides, from, picture.linesize, static_cast<AVPixelFormat>(picture.format),
                picture.width, picture.height);
  gst_video_frame_unmap(&mapped);
}

}  // namespace m3
