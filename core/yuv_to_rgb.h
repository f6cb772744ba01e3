// Converts rows of Y, U and V bytes to packed RGB, within one of the exact formula of ITU-R BT.601
// and BT.709 for every value.
//
// Threads: a free function, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/frame.h"

namespace m3 {

// chroma_step: bytes from one U (or V) to the next, 1 for planes and 2 for interleaved UV.
void yuv_to_rgb(const Colorimetry& color, const uint8_t* y, const uint8_t* u, const uint8_t* v,
                int chroma_step, size_t pixels, uint8_t* rgb);

}  // namespace m3
