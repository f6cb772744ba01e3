#include "core/torch/memory_pool.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <thread>
#include <vector>

namespace m3 {
namespace {

constexpr int64_t kMegabyte = 1 << 20;

at::Tensor bytes(int64_t count) { return at::empty({count}, at::kByte); }

class MemoryPool : public testing::Test {
 protected:
  MemoryPool() { release_pooled_memory(); }
  ~MemoryPool() override { release_pooled_memory(); }
};

TEST_F(MemoryPool, HandsAFreedBlockOutAgain) {
  const PooledMemory pooled;
  at::Tensor first = bytes(3 * kMegabyte - 500);
  const void* block = first.data_ptr();
  first.reset();
  EXPECT_EQ(pooled_bytes(), 3u * kMegabyte);
  const at::Tensor again = bytes(3 * kMegabyte - 100'000);  // nearly as large: the same class
  EXPECT_EQ(again.data_ptr(), block);
  EXPECT_EQ(pooled_bytes(), 0u);
}

TEST_F(MemoryPool, NeverHandsOutABlockThatIsTooSmallOrInUse) {
  const PooledMemory pooled;
  std::vector<at::Tensor> live;
  for (int64_t size = 70'000; size < 30 * kMegabyte; size = size * 9 / 8 + 1) {
    for (int repeat = 0; repeat < 2; ++repeat) {
      live.push_back(bytes(size));
      live.back().fill_(static_cast<int>(live.size() % 251));
    }
    if (live.size() % 5 == 0) live.erase(live.begin());
  }
  for (const at::Tensor& tensor : live) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % 64, 0u);
    EXPECT_EQ(tensor.min().item<int>(), tensor.max().item<int>()) << "two tensors share memory";
  }
}

TEST_F(MemoryPool, KeepsABoundedAmount) {
  const PooledMemory pooled;
  std::vector<at::Tensor> live;
  for (int i = 0; i < 80; ++i) live.push_back(bytes(5 * kMegabyte));
  live.clear();
  EXPECT_LE(pooled_bytes(), 256u * kMegabyte);
  EXPECT_GE(pooled_bytes(), 200u * kMegabyte);
  release_pooled_memory();
  EXPECT_EQ(pooled_bytes(), 0u);
}

// Where programs keep what they free, as the tools do, huge pages must not come back as the home of
// small things.
TEST_F(MemoryPool, HugePagesGoBackToTheSystemAndNotToMalloc) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  const PooledMemory pooled;
  at::Tensor tensor = bytes(6 * kMegabyte);
  tensor.fill_(1);
  constexpr uintptr_t kPage = 2 << 20;
  void* const page = reinterpret_cast<void*>(
      (reinterpret_cast<uintptr_t>(tensor.data_ptr()) + kPage) / kPage * kPage);
  unsigned char resident = 0;
  ASSERT_EQ(::mincore(page, 1, &resident), 0);
  tensor.reset();
  release_pooled_memory();
  EXPECT_EQ(::mincore(page, 1, &resident), -1);
  EXPECT_EQ(errno, ENOMEM) << "it is still mapped";
}

TEST_F(MemoryPool, LeavesSmallTensorsAndOtherThreadsAlone) {
  const PooledMemory pooled;
  bytes(1000).reset();
  std::thread([] { bytes(3 * kMegabyte).fill_(1); }).join();
  EXPECT_EQ(pooled_bytes(), 0u);
}

TEST_F(MemoryPool, TakesBlocksBackFromAnyThread) {
  at::Tensor tensor;
  {
    const PooledMemory pooled;
    tensor = bytes(3 * kMegabyte);
  }
  std::thread([taken = std::move(tensor)]() mutable { taken.reset(); }).join();
  EXPECT_GE(pooled_bytes(), 3u * kMegabyte);
}

}  // namespace
}  // namespace m3
