// Whether a model's weights fit, told before anything is allocated.
// Threads: free functions, safe from any thread.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>

#include "core/model/model_config.h"

namespace m3 {

// Numbers that the language model of this shape keeps in memory; a tied head counts, being a
// second copy.
int64_t resident_numbers(const LlmShape& shape);
// Numbers of its largest matrix, which is there as float32 while it is loaded.
int64_t largest_matrix(const LlmShape& shape);

// Throws kOutOfMemory when `numbers` weights of this dtype do not fit the device's free memory,
// with the dtype that does, if one does. Passes when the free memory is not known. On the CPU
// `at_once` numbers come on top while the model is loaded, in float32 and in the dtype.
void check_weights_fit(const std::string& model, int64_t numbers, int64_t at_once,
                       at::Device device, at::ScalarType dtype);

// Throws kOutOfMemory when the keys and values of a window of so many visual tokens, and of a
// question's copy of it, do not fit; says how many do. `kv_bytes_per_token`, `context` and `dtype`
// are the model's.
void check_window_fits(int64_t visual_tokens, int64_t kv_bytes_per_token, int64_t context,
                       at::Device device, at::ScalarType dtype);

// What to do when memory ran out all the same, with windows of so many visual tokens: the rest of
// a sentence that names the window and the dtype that fit.
std::string memory_advice(int64_t visual_tokens, int64_t kv_bytes_per_token, at::Device device,
                          at::ScalarType dtype);

// Bytes that could still be had there; 0: not known.
int64_t free_bytes_of(at::Device device);

}  // namespace m3
