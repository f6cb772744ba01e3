// Counts what a test program allocates, in all libraries that it loads: include it in one source
// file of the program. Not with sanitizers, which have an allocator of their own. Threads: counts
// those of every thread.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define M3_COUNTS_ALLOCATIONS 0
#else
#define M3_COUNTS_ALLOCATIONS 1
#endif

namespace m3::test {

inline std::atomic<uint64_t> allocations{0};

}  // namespace m3::test

#if M3_COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++m3::test::allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++m3::test::allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  ++m3::test::allocations;
  return __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
  ++m3::test::allocations;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
}
#endif
