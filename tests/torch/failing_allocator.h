// Memory that runs out when a test says so: libtorch's CPU allocator, but for one allocation of
// this thread. Threads: each thread has its own.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <new>

namespace m3::test {

class FailingAllocator final : public c10::Allocator {
 public:
  // The allocation after `passed` more fails; none: -1.
  static void fail_after(int passed) {
    static FailingAllocator* const installed = [] {
      auto* allocator = new FailingAllocator(c10::GetCPUAllocator());
      c10::SetCPUAllocator(allocator, 1);
      return allocator;
    }();
    static_cast<void>(installed);
    left_ = passed;
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (left_ == 0) {
      left_ = -1;
      throw std::bad_alloc();
    }
    if (left_ > 0) --left_;
    return below_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return below_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    below_->copy_data(to, from, bytes);
  }

 private:
  explicit FailingAllocator(c10::Allocator* below) : below_(below) {}

  c10::Allocator* const below_;
  static inline thread_local int left_ = -1;
};

}  // namespace m3::test
