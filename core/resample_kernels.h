// The inner loops of Resampler, compiled with -O3 and, where the machine has it, for AVX2. They do
// the same integer arithmetic everywhere.
//
// Threads: free functions, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace m3 {

// Weights are scaled by 2^22; for every output their sum of absolute values is below 2, so that
// sums over bytes fit 32 bits.
inline constexpr int kWeightBits = 22;

// Rows that are resized side by side.
inline constexpr int kLanes = 32;

// Where each output sample of an axis comes from.
struct Taps {
  const int* first;        // [size] first source sample
  const int* count;        // [size] source samples used
  const int32_t* weights;  // [size, stride]
  int stride;
  int size;
};

// Resizes kLanes rows at once: lanes [from, channels, kLanes] -> out [taps.size, channels, kLanes].
void resize_lanes(const Taps& taps, const uint8_t* lanes, int channels, uint8_t* out);

// One output row as the weighted sum of `count` rows of `bytes` bytes, `stride_bytes` apart.
// sums: scratch, [bytes].
void blend_rows(const uint8_t* rows, ptrdiff_t stride_bytes, const int32_t* weights, int count,
                int bytes, int32_t* sums, uint8_t* out);

// [rows, bytes] -> [bytes, kLanes]; rows at most kLanes, the lanes behind them keep what they held.
void rows_to_lanes(const uint8_t* rows, ptrdiff_t stride_bytes, int count, size_t bytes,
                   uint8_t* lanes);
// [bytes, kLanes] -> [count, bytes], packed.
void lanes_to_rows(const uint8_t* lanes, int count, size_t bytes, uint8_t* rows);

}  // namespace m3
