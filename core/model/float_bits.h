// Half-width floats to float32, exactly, by their bits: no hardware conversion is needed.
// Threads: pure functions.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace m3 {

inline float float_from_bf16(uint16_t bits) noexcept {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

inline float float_from_f16(uint16_t bits) noexcept {
  const uint32_t sign = (uint32_t{bits} & 0x8000u) << 16;
  const uint32_t rest = uint32_t{bits} & 0x7fffu;
  uint32_t wide = (rest << 13) + (112u << 23);  // the exponent's bias goes from 15 to 127
  if (rest >= 0x7c00u) wide = (rest << 13) | 0x7f800000u;  // infinities and NaNs
  // Subnormals: (1 + m/1024) * 2^-14 less 2^-14; no subnormal float32 is met, so flushing them to
  // zero does no harm.
  if (rest < 0x0400u)
    wide = std::bit_cast<uint32_t>(std::bit_cast<float>((rest << 13) + (113u << 23)) - 0x1p-14f);
  return std::bit_cast<float>(wide | sign);
}

// Reads a value from bytes that may be unaligned.
template <typename T>
T load(const void* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace m3
