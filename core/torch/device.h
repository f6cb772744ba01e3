// Where and in which number format a model runs: the words of EngineOptions turned into libtorch's.
// Threads: free functions, safe from any thread.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace m3 {

// "auto" (CUDA when there is a device), "cpu", "cuda" or "cuda:N". Throws kInvalidArgument for
// another word, kNotFound when this libtorch or machine has no such device.
c10::Device open_device(const std::string& name);

// "auto" (bfloat16 where the device computes in it, else float32), "float32", "bfloat16" or, on
// CUDA, "float16". Throws kInvalidArgument.
c10::ScalarType open_dtype(const std::string& name, c10::Device device);

// Whether the CPU multiplies bfloat16 itself, and libtorch may use it.
bool computes_bfloat16();

// The words back, for ModelInfo.
std::string name_of(c10::Device device);
std::string name_of(c10::ScalarType dtype);

}  // namespace m3
