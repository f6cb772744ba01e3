#include "tools/m3_bench/ceilings.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

// The compiler makes a version for each kind of CPU and chooses when the program starts.
#if defined(__x86_64__)
#define M3_FOR_EACH_CPU __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define M3_FOR_EACH_CPU
#endif

namespace m3::bench {
namespace {

constexpr int kRounds = 5;  // the best counts: whatever else runs only takes away

using Lanes = float __attribute__((vector_size(64)));  // 16 numbers
constexpr size_t kLaneNumbers = sizeof(Lanes) / sizeof(float);

// Seconds of the fastest round in which all threads did `work(thread)` once, at the same time.
double fastest(int threads, const std::function<void(int)>& work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    std::barrier start(threads + 1);
    std::barrier end(threads + 1);
    std::vector<std::jthread> all;
    for (int thread = 0; thread < threads; ++thread) {
      all.emplace_back([&, thread] {
        start.arrive_and_wait();
        work(thread);
        end.arrive_and_wait();
      });
    }
    start.arrive_and_wait();
    const auto begin = std::chrono::steady_clock::now();
    end.arrive_and_wait();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

M3_FOR_EACH_CPU float sum(const Lanes* data, size_t count) {
  Lanes sums[4] = {};
  for (size_t i = 0; i + 4 <= count; i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += data[i + j];
  }
  const Lanes all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float total = 0;
  for (size_t lane = 0; lane < kLaneNumbers; ++lane) total += all[lane];
  return total;
}

// out [6, 16] += a [depth, 6] transposed times b [depth, 16]: six rows are what the registers of
// an AVX2 machine hold.
M3_FOR_EACH_CPU void multiply(const float* a, const Lanes* b, size_t depth, Lanes* out) {
  Lanes rows[6] = {};
  for (size_t k = 0; k < depth; ++k) {
    const Lanes column = b[k];
    for (size_t row = 0; row < 6; ++row) rows[row] += a[6 * k + row] * column;
  }
  for (size_t row = 0; row < 6; ++row) out[row] += rows[row];
}

// The same for twelve rows, which hides the latency of wider registers.
M3_FOR_EACH_CPU void multiply_twelve(const float* a, const Lanes* b, size_t depth, Lanes* out) {
  Lanes rows[12] = {};
  for (size_t k = 0; k < depth; ++k) {
    const Lanes column = b[k];
    for (size_t row = 0; row < 12; ++row) rows[row] += a[12 * k + row] * column;
  }
  for (size_t row = 0; row < 12; ++row) out[row] += rows[row];
}

// Keeps the compiler from leaving the work out.
void use(const void* pointer) { asm volatile("" : : "g"(pointer) : "memory"); }

}  // namespace

double memory_bandwidth_gb_s(int threads) {
  constexpr size_t kBytes = 256 << 20;  // of a thread: far beyond any cache
  std::vector<std::vector<Lanes>> data(static_cast<size_t>(threads));
  fastest(threads,
          [&](int thread) { data[static_cast<size_t>(thread)].resize(kBytes / sizeof(Lanes)); });
  const double seconds = fastest(threads, [&](int thread) {
    const std::vector<Lanes>& mine = data[static_cast<size_t>(thread)];
    const float total = sum(mine.data(), mine.size());
    use(&total);
  });
  return static_cast<double>(threads) * kBytes / seconds * 1e-9;
}

double float32_gflops(int threads) {
  constexpr size_t kDepth = 192;
  constexpr size_t kProducts = 20000;
  const auto rate = [&](size_t rows, void (*kernel)(const float*, const Lanes*, size_t, Lanes*)) {
    const double seconds = fastest(threads, [&](int) {
      const std::vector<float> a(rows * kDepth, 0.5F);
      const std::vector<Lanes> b(kDepth);
      std::vector<Lanes> out(rows);
      for (size_t product = 0; product < kProducts; ++product)
        kernel(a.data(), b.data(), kDepth, out.data());
      use(out.data());
    });
    return 2.0 * static_cast<double>(rows * kLaneNumbers * kDepth * kProducts) * threads / seconds *
           1e-9;
  };
  return std::max(rate(6, multiply), rate(12, multiply_twelve));
}

}  // namespace m3::bench
