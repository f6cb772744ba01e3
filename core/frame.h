// FrameView: the picture that an element lends to core for the time of one call. Nothing is copied
// or owned.
//
// Threads: a value over borrowed memory; the lender keeps the memory alive and unchanged during the
// call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/export.h"

namespace m3 {

// Time of the stream (GStreamer's stream time) in nanoseconds; pictures without a time use kNoTime.
inline constexpr int64_t kNoTime = INT64_MIN;

enum class PixelFormat {
  kI420,  // three planes: Y, U, V; chroma halved both ways, odd sizes rounded up
  kNv12,  // two planes: Y, interleaved UV; chroma halved both ways, odd sizes rounded up
  kRgb,   // one plane, three bytes a pixel, R first
};

enum class YuvMatrix { kBt601, kBt709 };

// How YUV bytes map to RGB. Ignored for kRgb.
struct Colorimetry {
  YuvMatrix matrix = YuvMatrix::kBt601;
  bool full_range = false;  // false: luma 16..235, chroma 16..240
};

enum class MemoryKind {
  kHost,
  kCuda,  // plane pointers are device pointers, valid after the work queued on `cuda_stream`
};

struct Plane {
  const uint8_t* data = nullptr;
  ptrdiff_t stride_bytes = 0;  // may exceed the row's bytes; never negative
};

// Part of a frame in luma pixels; width 0: the whole frame.
struct Crop {
  int x_px = 0;
  int y_px = 0;
  int width_px = 0;
  int height_px = 0;
};

struct FrameView {
  PixelFormat format = PixelFormat::kI420;
  int width_px = 0;   // 1..16384
  int height_px = 0;  // 1..16384
  std::array<Plane, 3> planes;
  Colorimetry color;
  MemoryKind memory = MemoryKind::kHost;
  void* cuda_stream = nullptr;  // cudaStream_t; nullptr: the default stream; only for kCuda
  Crop crop;
  int64_t pts_ns = kNoTime;
};

// Throws kInvalidArgument when the frame cannot be read as it describes itself: a size, plane,
// stride or crop that does not fit. Looks at the description only, never at a pixel.
M3_API void check(const FrameView& frame);

// The part of the frame to look at: its crop, or all of it. Always with a size.
M3_API Crop crop_of(const FrameView& frame) noexcept;

}  // namespace m3
