#include "tools/m3_bench/ceilings.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

// The compiler makes a version for each kind of CPU and chooses when the program starts.
#if defined(__x86_64__)
#define M3_FOR_EACH_CPU \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define M3_FOR_EACH_CPU
#endif

namespace m3::bench {
namespace {

constexpr int kRounds = 20;  // the best counts: whatever else runs only takes away

// As many numbers as a register holds: of AVX2 and of AVX-512. Other CPUs split them.
using Eight = float __attribute__((vector_size(32)));
using Sixteen = float __attribute__((vector_size(64)));

template <typename Lanes>
constexpr size_t kLanes = sizeof(Lanes) / sizeof(float);

// Seconds of the fastest round in which all threads did `work(thread)` once, at the same time: from
// the first that began to the last that ended.
double fastest(int threads, const std::function<void(int)>& work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Clock::time_point> begins(static_cast<size_t>(threads));
    std::vector<Clock::time_point> ends(static_cast<size_t>(threads));
    {
      std::barrier start(threads);
      std::vector<std::jthread> all;
      for (int thread = 0; thread < threads; ++thread) {
        all.emplace_back([&, thread] {
          start.arrive_and_wait();
          begins[static_cast<size_t>(thread)] = Clock::now();
          work(thread);
          ends[static_cast<size_t>(thread)] = Clock::now();
        });
      }
      for (std::jthread& thread : all) thread.join();
    }
    const std::chrono::duration<double> taken = *std::max_element(ends.begin(), ends.end()) -
                                                *std::min_element(begins.begin(), begins.end());
    best = std::min(best, taken.count());
  }
  return best;
}

M3_FOR_EACH_CPU float sum(const float* data, size_t count) {
  Eight sums[8] = {};
  for (size_t i = 0; i + 64 <= count; i += 64) {
    for (size_t j = 0; j < 8; ++j) {
      Eight lanes;
      std::memcpy(&lanes, data + i + 8 * j, sizeof lanes);
      sums[j] += lanes;
    }
  }
  float total = 0;
  for (const Eight& lanes : sums) {
    for (size_t lane = 0; lane < 8; ++lane) total += lanes[lane];
  }
  return total;
}

// out [rows, two registers] = a [depth, rows] transposed times b [depth, two registers], with all
// of `out` in registers. kRow counts the rows: written out, since a loop would go through memory.
template <typename Lanes, size_t... kRow>
[[gnu::always_inline]] inline void product(std::index_sequence<kRow...>, const float* a,
                                           const float* b, size_t depth, float* out) {
  constexpr size_t kRows = sizeof...(kRow);
  Lanes left[kRows] = {};
  Lanes right[kRows] = {};
  for (size_t k = 0; k < depth; ++k) {
    Lanes first;
    Lanes second;
    std::memcpy(&first, b, sizeof first);
    std::memcpy(&second, b + kLanes<Lanes>, sizeof second);
    ((left[kRow] += a[kRow] * first, right[kRow] += a[kRow] * second), ...);
    a += kRows;
    b += 2 * kLanes<Lanes>;
  }
  std::memcpy(out, left, sizeof left);
  std::memcpy(out + kRows * kLanes<Lanes>, right, sizeof right);
}

// Twelve sums of the sixteen registers of AVX2, and twenty-four of the thirty-two of AVX-512.
M3_FOR_EACH_CPU void multiply(const float* a, const float* b, size_t depth, float* out) {
  product<Eight>(std::make_index_sequence<6>(), a, b, depth, out);
}
M3_FOR_EACH_CPU void multiply_wide(const float* a, const float* b, size_t depth, float* out) {
  product<Sixteen>(std::make_index_sequence<12>(), a, b, depth, out);
}

// Keeps the compiler from leaving the work out.
void use(const void* pointer) { asm volatile("" : : "g"(pointer) : "memory"); }

}  // namespace

double memory_bandwidth_gb_s(int threads) {
  constexpr size_t kBytes = 256 << 20;  // of a thread: far beyond any cache
  std::vector<std::vector<float>> data(static_cast<size_t>(threads));
  fastest(threads,
          [&](int thread) { data[static_cast<size_t>(thread)].resize(kBytes / sizeof(float)); });
  const double seconds = fastest(threads, [&](int thread) {
    const std::vector<float>& mine = data[static_cast<size_t>(thread)];
    const float total = sum(mine.data(), mine.size());
    use(&total);
  });
  return static_cast<double>(threads) * kBytes / seconds * 1e-9;
}

double float32_gflops(int threads) {
  constexpr size_t kDepth = 192;
  constexpr size_t kProducts = 5000;
  const auto rate = [&](size_t rows, size_t columns, auto* kernel) {
    const double seconds = fastest(threads, [&](int) {
      const std::vector<float> a(rows * kDepth, 0.5F);
      const std::vector<float> b(columns * kDepth, 0.5F);
      std::vector<float> out(rows * columns);
      for (size_t product = 0; product < kProducts; ++product) {
        kernel(a.data(), b.data(), kDepth, out.data());
        use(out.data());
      }
    });
    return 2.0 * static_cast<double>(rows * columns * kDepth * kProducts) * threads / seconds *
           1e-9;
  };
  return std::max(rate(6, 2 * kLanes<Eight>, multiply),
                  rate(12, 2 * kLanes<Sixteen>, multiply_wide));
}

}  // namespace m3::bench
