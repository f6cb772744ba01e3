#include "core/torch/memory_pool.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace m3 {
namespace {

constexpr size_t kSmallest = 64 << 10;  // smaller blocks come quickly from malloc
constexpr size_t kHugeFrom = 4 << 20;   // blocks from this size on lie on huge pages
constexpr size_t kHugePage = 2 << 20;

thread_local bool pooling = false;

// In front of every block; as wide as libtorch's alignment.
struct alignas(64) Header {
  size_t class_bytes;  // of a block of the pool, header included; 0: another block
};

// Sizes are rounded up to eighths of a power of two, so that nearly equal tensors share blocks.
size_t class_of(size_t bytes) {
  const size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

// Blocks from kHugeFrom on are mapped by themselves and not taken from malloc: the advice stays
// with the addresses, and what malloc would hand out of them later, however small, would take two
// megabytes at its first touch.
size_t mapped_bytes(size_t class_bytes) {
  return (class_bytes + kHugePage - 1) / kHugePage * kHugePage;
}

void* map_huge(size_t class_bytes) {
  const size_t wanted = mapped_bytes(class_bytes);
  // More than enough, so that a piece of it begins where a huge page does.
  void* all = ::mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(all);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(all) % kHugePage) % kHugePage;
  if (before > 0) ::munmap(begin, before);
  if (before < kHugePage) ::munmap(begin + before + wanted, kHugePage - before);
  // Advice only: without huge pages all works as before.
  ::madvise(begin + before, wanted, MADV_HUGEPAGE);
  return begin + before;
}

void give_up(void* block, size_t class_bytes) noexcept {
  if (class_bytes >= kHugeFrom) {
    ::munmap(block, mapped_bytes(class_bytes));
  } else {
    std::free(block);
  }
}

class Pool {
 public:
  void* take(size_t class_bytes) {
    {
      const std::scoped_lock lock(mutex_);
      const auto found = free_.find(class_bytes);
      if (found != free_.end() && !found->second.empty()) {
        void* block = found->second.back();
        found->second.pop_back();
        kept_ -= class_bytes;
        return block;
      }
    }
    if (class_bytes >= kHugeFrom) return map_huge(class_bytes);
    void* block = std::aligned_alloc(sizeof(Header), class_bytes);
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }

  void give(void* block, size_t class_bytes) noexcept {
    {
      const std::scoped_lock lock(mutex_);
      if (kept_ + class_bytes <= most_kept_) {
        free_[class_bytes].push_back(block);
        kept_ += class_bytes;
        return;
      }
    }
    give_up(block, class_bytes);
  }

  void keep(size_t most_bytes) {
    const std::scoped_lock lock(mutex_);
    most_kept_ = std::max(most_kept_, most_bytes);
  }

  size_t kept() {
    const std::scoped_lock lock(mutex_);
    return kept_;
  }

  void release() {
    const std::scoped_lock lock(mutex_);
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) give_up(block, size);
    }
    free_.clear();
    kept_ = 0;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> free_;  // guarded by mutex_; by class
  size_t kept_ = 0;                                      // guarded by mutex_
  size_t most_kept_ = 0;                                 // guarded by mutex_
};

// Never destroyed: tensors may outlive everything else in a process.
Pool& pool() {
  static Pool& pool = *new Pool;
  return pool;
}

void free_block(void* data) {
  if (data == nullptr) return;
  Header* header = static_cast<Header*>(data) - 1;
  if (header->class_bytes == 0) {
    c10::free_cpu(header);
  } else {
    pool().give(header, header->class_bytes);
  }
}

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const size_t whole = bytes + sizeof(Header);
    const size_t class_bytes = pooling && bytes >= kSmallest ? class_of(whole) : 0;
    void* block = class_bytes > 0 ? pool().take(class_bytes) : c10::alloc_cpu(whole);
    auto* header = new (block) Header{class_bytes};
    void* data = header + 1;
    return {data, data, &free_block, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

}  // namespace

PooledMemory::PooledMemory(size_t most_kept_bytes) {
  pool().keep(most_kept_bytes);
  // Never destroyed: tensors that outlive the last engine give their memory back to it.
  alignas(Allocator) static std::byte place[sizeof(Allocator)];
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(new (place) Allocator); });
  pooling = true;
}

PooledMemory::~PooledMemory() { pooling = false; }

size_t pooled_bytes() { return pool().kept(); }

void release_pooled_memory() { pool().release(); }

}  // namespace m3
