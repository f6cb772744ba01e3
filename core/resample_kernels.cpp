#include "core/resample_kernels.h"

#include <algorithm>

namespace m3 {
namespace {

// Inlined into each caller below, so that it is compiled for the caller's instruction set.
#define M3_INLINE inline __attribute__((always_inline))

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

M3_INLINE uint8_t to_byte(int32_t sum) {
  return static_cast<uint8_t>(std::min(std::max(sum >> kWeightBits, 0), 255));
}

// Adds the weighted rows to `sums`, four at a time: a sum is loaded and stored once for four
// products.
M3_INLINE void add_rows(const uint8_t* rows, ptrdiff_t stride, const int32_t* weights, int count,
                        int bytes, int32_t* sums) {
  int t = 0;
  for (; t + 4 <= count; t += 4) {
    const uint8_t* a = rows + t * stride;
    const uint8_t* b = a + stride;
    const uint8_t* c = b + stride;
    const uint8_t* d = c + stride;
    const int32_t wa = weights[t];
    const int32_t wb = weights[t + 1];
    const int32_t wc = weights[t + 2];
    const int32_t wd = weights[t + 3];
    for (int i = 0; i < bytes; ++i) sums[i] += wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
  for (; t < count; ++t) {
    const uint8_t* a = rows + t * stride;
    const int32_t wa = weights[t];
    for (int i = 0; i < bytes; ++i) sums[i] += wa * a[i];
  }
}

M3_INLINE void resize_lanes_body(const Taps& taps, const uint8_t* lanes, int channels,
                                 uint8_t* out) {
  for (int x = 0; x < taps.size; ++x) {
    const int32_t* weights = taps.weights + ptrdiff_t{x} * taps.stride;
    for (int c = 0; c < channels; ++c) {
      int32_t sums[kLanes];
      std::fill_n(sums, kLanes, kHalf);
      add_rows(lanes + (ptrdiff_t{taps.first[x]} * channels + c) * kLanes,
               ptrdiff_t{channels} * kLanes, weights, taps.count[x], kLanes, sums);
      for (int lane = 0; lane < kLanes; ++lane) *out++ = to_byte(sums[lane]);
    }
  }
}

M3_INLINE void blend_rows_body(const uint8_t* rows, ptrdiff_t stride_bytes, const int32_t* weights,
                               int count, int bytes, int32_t* sums, uint8_t* out) {
  std::fill_n(sums, bytes, kHalf);
  add_rows(rows, stride_bytes, weights, count, bytes, sums);
  for (int i = 0; i < bytes; ++i) out[i] = to_byte(sums[i]);
}

#if defined(__x86_64__)
const bool kHaveAvx2 = __builtin_cpu_supports("avx2");

__attribute__((target("avx2"))) void resize_lanes_avx2(const Taps& taps, const uint8_t* lanes,
                                                       int channels, uint8_t* out) {
  resize_lanes_body(taps, lanes, channels, out);
}

__attribute__((target("avx2"))) void blend_rows_avx2(const uint8_t* rows, ptrdiff_t stride_bytes,
                                                     const int32_t* weights, int count, int bytes,
                                                     int32_t* sums, uint8_t* out) {
  blend_rows_body(rows, stride_bytes, weights, count, bytes, sums, out);
}
#endif

}  // namespace

void resize_lanes(const Taps& taps, const uint8_t* lanes, int channels, uint8_t* out) {
#if defined(__x86_64__)
  if (kHaveAvx2) return resize_lanes_avx2(taps, lanes, channels, out);
#endif
  resize_lanes_body(taps, lanes, channels, out);
}

void blend_rows(const uint8_t* rows, ptrdiff_t stride_bytes, const int32_t* weights, int count,
                int bytes, int32_t* sums, uint8_t* out) {
#if defined(__x86_64__)
  if (kHaveAvx2) return blend_rows_avx2(rows, stride_bytes, weights, count, bytes, sums, out);
#endif
  blend_rows_body(rows, stride_bytes, weights, count, bytes, sums, out);
}

void rows_to_lanes(const uint8_t* rows, ptrdiff_t stride_bytes, int count, size_t bytes,
                   uint8_t* lanes) {
  for (size_t i = 0; i < bytes; ++i) {
    for (int lane = 0; lane < count; ++lane) {
      lanes[i * kLanes + lane] = rows[lane * stride_bytes + static_cast<ptrdiff_t>(i)];
    }
  }
}

void lanes_to_rows(const uint8_t* lanes, int count, size_t bytes, uint8_t* rows) {
  for (size_t i = 0; i < bytes; ++i) {
    for (int lane = 0; lane < count; ++lane) rows[lane * bytes + i] = lanes[i * kLanes + lane];
  }
}

}  // namespace m3
