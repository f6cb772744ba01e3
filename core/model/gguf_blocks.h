// The block layouts of ggml's tensor types: how many elements and bytes a block has, and how it
// expands to float32. Threads: constant data and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/model/gguf.h"

namespace m3 {

struct GgufBlock {
  GgufType type;
  const char* name;
  uint64_t elements;  // of one block; rows are whole blocks
  uint64_t bytes;     // of one block
  // Expands `count` blocks at `from` to count * elements values at `to`.
  void (*expand)(const std::byte* from, size_t count, float* to);
};

// nullptr: a type that is not read here.
const GgufBlock* find_gguf_block(uint32_t type) noexcept;

}  // namespace m3
