// Matrix products y = x W^T on the CPU with W in panels: sixteen outputs side by side, input by
// input. W is read from the first byte to the last, once for each 48 rows, so a product of one row
// runs at the speed of memory, and one of some dozens at that of the arithmetic units.
// An output is summed in the same order in every product, so a row's result does not depend on the
// rows beside it. Plain C++ with vector extensions; the compiler makes a version for each kind of
// CPU. Threads: free functions, safe from any thread.
#pragma once

#include <cstdint>

namespace m3::panels {

inline constexpr int64_t kWidth = 16;  // outputs of a panel

// Numbers that `outputs` outputs of `inputs` inputs take in panels: the last one is filled up with
// zeros.
constexpr int64_t count_of(int64_t outputs) { return (outputs + kWidth - 1) / kWidth; }
constexpr int64_t size_of(int64_t outputs, int64_t inputs) {
  return count_of(outputs) * kWidth * inputs;
}

// weight: [outputs, inputs] -> panels [count_of(outputs), inputs, kWidth]. Panels are bfloat16 (the
// upper half of a float32) or float32.
template <typename Number>
void pack(const Number* weight, int64_t outputs, int64_t inputs, Number* panels);

struct Rows {
  const float* x;  // [rows, inputs]
  int64_t rows;
  int64_t inputs;
  float* y;  // [rows, outputs]
  int64_t outputs;
};

// What the arithmetic units of a CPU take at once.
enum class Cpu {
  kSixteen,  // numbers: AVX-512
  kEight,    // AVX2 with fused multiply-add; CPUs that are not x86-64
  kOther,    // less: these functions work and are slow
};
Cpu cpu_here();

// The outputs of panels [first, last) of all rows; what `y` held is overwritten. Number: float, or
// uint16_t for bfloat16. Any `cpu` works everywhere.
template <typename Number>
void multiply(const Rows& rows, const Number* panels, int64_t first, int64_t last, Cpu cpu);

}  // namespace m3::panels
