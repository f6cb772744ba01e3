// Host memory that libtorch asks for again and again. A tensor of a few megabytes is fresh memory
// from the kernel each time, and touching fresh pages can cost more than computing what goes into
// them: the vision tower takes twice as long that way. On threads that say so, large blocks are
// kept when they are freed and handed out again; very large ones lie on huge pages. libtorch has
// one CPU allocator in a process, so it is ours for everybody once a thread said so, and does for
// all other threads what libtorch's own does. Threads: PooledMemory counts for the thread that
// makes it; blocks may be freed anywhere; the rest is safe from any thread.
#pragma once

#include <cstddef>

namespace m3 {

// While it lives, large tensors made on this thread take their memory from the pool. Does not nest.
class PooledMemory {
 public:
  // most_kept_bytes: what may be kept and not in use, of the whole process; the largest wish
  // counts.
  explicit PooledMemory(size_t most_kept_bytes = size_t{256} << 20);
  ~PooledMemory();
  PooledMemory(const PooledMemory&) = delete;
  PooledMemory& operator=(const PooledMemory&) = delete;
};

// Bytes that are kept and not in use; at most what was wished for, 256 MiB.
size_t pooled_bytes();

// Gives back what is kept and not in use.
void release_pooled_memory();

}  // namespace m3
