#include "plugins/avdec/av_motion.h"

#include <algorithm>
#include <cstdint>
#include <span>

extern "C" {
#include <libavutil/motion_vector.h>
}

#include "plugins/avdec/av_formats.h"

namespace m3 {
namespace {

std::span<const AVMotionVector> vectors_of(const AVFrame& frame) {
  const AVFrameSideData* data = av_frame_get_side_data(&frame, AV_FRAME_DATA_MOTION_VECTORS);
  if (!data) return {};
  return {reinterpret_cast<const AVMotionVector*>(data->data), data->size / sizeof(AVMotionVector)};
}

}  // namespace

PictureType picture_type_of(const AVFrame& frame) {
  switch (frame.pict_type) {
    case AV_PICTURE_TYPE_I:
    case AV_PICTURE_TYPE_SI:
    case AV_PICTURE_TYPE_BI:
      return PictureType::kIntra;
    case AV_PICTURE_TYPE_P:
    case AV_PICTURE_TYPE_S:
    case AV_PICTURE_TYPE_SP:
      return PictureType::kPredicted;
    case AV_PICTURE_TYPE_B:
      return PictureType::kBidirectional;
    default:
      return PictureType::kUnknown;
  }
}

void AvMotion::describe(const AVFrame& frame, size_t packet_bytes, bool vectors,
                        CodecMotion& motion) {
  motion.type = picture_type_of(frame);
  motion.key_frame = is_key_frame(frame);
  motion.packet_bytes = static_cast<uint32_t>(std::min<size_t>(packet_bytes, UINT32_MAX));
  motion.has_vectors = false;
  motion.width_px = motion.height_px = motion.cell_px = motion.columns = motion.rows = 0;
  const ReferenceDistance distance = order_.next(motion.type);
  const bool predicted =
      motion.type == PictureType::kPredicted || motion.type == PictureType::kBidirectional;
  if (!vectors || !predicted) return;
  grid_.begin(frame.width, frame.height, distance);
  for (const AVMotionVector& vector : vectors_of(frame)) {
    if (vector.motion_scale == 0) continue;
    const float pixel = 1.0f / static_cast<float>(vector.motion_scale);
    grid_.add({vector.dst_x, vector.dst_y, vector.w, vector.h,
               static_cast<float>(vector.motion_x) * pixel,
               static_cast<float>(vector.motion_y) * pixel, vector.source > 0});
  }
  grid_.finish(motion);
}

}  // namespace m3
