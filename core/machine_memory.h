// How much memory this process may still take. Threads: free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "core/export.h"

namespace m3 {

// Bytes that could be had without swapping: the machine's, or less where a control group limits the
// process. 0: not known. root: the folder that holds the kernel's proc and sys; another one than
// the machine's is for tests.
M3_API int64_t free_memory_bytes(const std::string& root = "");

}  // namespace m3
