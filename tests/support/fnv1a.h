// fnv1a: a checksum that is written in a line on both sides, here and in the scripts under
// tests/golden.
//
// Threads: a free function.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

namespace m3::test {

inline std::string fnv1a(std::span<const uint8_t> bytes) {
  uint64_t value = 14695981039346656037u;
  for (const uint8_t byte : bytes) value = (value ^ byte) * 1099511628211u;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace m3::test
