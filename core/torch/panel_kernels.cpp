#include "core/torch/panel_kernels.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace m3::panels {
namespace {

constexpr int64_t kDepth = 256;      // inputs summed before the sum goes to memory
constexpr int64_t kRowBlock = 48;    // rows of x that stay in the second cache meanwhile
constexpr int64_t kGroup = 6;        // rows that go through a panel together when there are many
constexpr int64_t kExpandFrom = 12;  // rows for which a panel of bfloat16 is made float32 first

// As many numbers as a register holds: of AVX2 and of AVX-512. Other CPUs split them.
using Eight = float __attribute__((vector_size(32)));
using Sixteen = float __attribute__((vector_size(64)));

// Integers of as many lanes.
template <typename Lanes>
struct Integers;
template <>
struct Integers<Eight> {
  using Halves = uint16_t __attribute__((vector_size(16)));
  using Words = uint32_t __attribute__((vector_size(32)));
};
template <>
struct Integers<Sixteen> {
  using Halves = uint16_t __attribute__((vector_size(32)));
  using Words = uint32_t __attribute__((vector_size(64)));
};

template <typename Lanes>
constexpr int64_t kLanes = sizeof(Lanes) / sizeof(float);
template <typename Lanes>
constexpr int64_t kVectors = kWidth / kLanes<Lanes>;

template <typename Lanes>
[[gnu::always_inline]] inline Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

template <typename Lanes>
[[gnu::always_inline]] inline Lanes load(const uint16_t* from) {
  typename Integers<Lanes>::Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const auto words = __builtin_convertvector(halves, typename Integers<Lanes>::Words) << 16;
  Lanes lanes;
  std::memcpy(&lanes, &words, sizeof lanes);
  return lanes;
}

struct Tile {
  const float* x;  // of the first row, at the first input
  float* y;        // of the first row, at the first output
  int64_t y_stride;
  int64_t outputs;  // of the panels that are written
  int64_t depth;    // inputs
  int64_t panel_stride;
  bool add;  // to what y holds
};

// x lies row behind row, `stride` numbers apart, or in groups of kGroup rows, input by input.
struct Apart {
  int64_t stride;
  const float& operator()(const float* x, int64_t row, int64_t input) const {
    return x[row * stride + input];
  }
};
struct Grouped {
  const float& operator()(const float* x, int64_t row, int64_t input) const {
    return x[input * kGroup + row];
  }
};

// The sums are counted at compile time: a loop over them would keep them in memory.
template <typename Lanes, size_t kRows, typename Number, typename Place, size_t... kSum>
[[gnu::always_inline]] inline void multiply_tile(const Tile& tile, const Number* panel,
                                                 const Place& place, std::index_sequence<kSum...>) {
  // Sum s is of row s / kColumns and vector s % kColumns: one number of x after the other, so that
  // registers are left for the sums.
  constexpr size_t kColumns = sizeof...(kSum) / kRows;
  Lanes sums[sizeof...(kSum)] = {};
  const float* const x = tile.x;
  for (int64_t k = 0; k < tile.depth; ++k) {
    Lanes weights[kColumns];
    for (size_t column = 0; column < kColumns; ++column) {
      const int64_t of_panel = static_cast<int64_t>(column) / kVectors<Lanes>;
      const int64_t of_vector = static_cast<int64_t>(column) % kVectors<Lanes>;
      weights[column] = load<Lanes>(panel + of_panel * tile.panel_stride + k * kWidth +
                                    of_vector * kLanes<Lanes>);
    }
    ((sums[kSum] += weights[kSum % kColumns] * place(x, kSum / kColumns, k)), ...);
  }
  constexpr auto kWhole = static_cast<int64_t>(kColumns) * kLanes<Lanes>;
  float* y = tile.y;
  for (size_t row = 0; row < kRows; ++row, y += tile.y_stride) {
    const Lanes* const of_row = sums + row * kColumns;
    if (tile.outputs >= kWhole) {
      for (size_t column = 0; column < kColumns; ++column) {
        float* const to = y + static_cast<int64_t>(column) * kLanes<Lanes>;
        const Lanes sum = tile.add ? load<Lanes>(to) + of_row[column] : of_row[column];
        std::memcpy(to, &sum, sizeof sum);
      }
    } else {
      for (int64_t i = 0; i < tile.outputs; ++i) {
        const float sum = of_row[i / kLanes<Lanes>][i % kLanes<Lanes>];
        y[i] = tile.add ? y[i] + sum : sum;
      }
    }
  }
}

// Inputs [from, from + depth) of a product, with `panels` at the first of them.
template <typename Number>
struct Slice {
  const Rows& rows;
  int64_t from;
  int64_t depth;
  const Number* panels;
  int64_t panel_stride;
};

// kRows rows from `row` on, whose x is given, times kPanels panels from `panel` on, of which
// `numbers` are the weights.
template <typename Lanes, size_t kRows, size_t kPanels, typename Number, typename Place>
[[gnu::always_inline]] inline void tile_at(const Slice<Number>& slice, const float* x,
                                           const Place& place, int64_t row, int64_t panel,
                                           const auto* numbers, int64_t panel_stride) {
  const Rows& rows = slice.rows;
  const Tile tile{x,
                  rows.y + row * rows.outputs + panel * kWidth,
                  rows.outputs,
                  rows.outputs - panel * kWidth,
                  slice.depth,
                  panel_stride,
                  slice.from > 0};
  multiply_tile<Lanes, kRows>(tile, numbers, place,
                              std::make_index_sequence<kRows * kPanels * kVectors<Lanes>>());
}

// Few rows: several panels at once keep the arithmetic units busy while memory delivers.
template <typename Lanes, size_t kRows, size_t kPanels, typename Number>
[[gnu::always_inline]] inline void few_rows(const Slice<Number>& slice, int64_t first,
                                            int64_t last) {
  const Apart place{slice.rows.inputs};
  const float* const x = slice.rows.x + slice.from;
  const auto numbers = [&](int64_t panel) { return slice.panels + panel * slice.panel_stride; };
  int64_t panel = first;
  for (; panel + static_cast<int64_t>(kPanels) <= last; panel += kPanels) {
    tile_at<Lanes, kRows, kPanels>(slice, x, place, 0, panel, numbers(panel), slice.panel_stride);
  }
  for (; panel < last; ++panel) {
    tile_at<Lanes, kRows, 1>(slice, x, place, 0, panel, numbers(panel), slice.panel_stride);
  }
}

// All rows of a block, in groups at `x`, times kPanels panels.
template <typename Lanes, size_t kPanels, typename Number>
[[gnu::always_inline]] inline void all_rows(const Slice<Number>& slice, const float* x,
                                            int64_t begin, int64_t end, int64_t panel,
                                            const auto* numbers, int64_t panel_stride) {
  int64_t row = begin;
  for (; row + kGroup <= end; row += kGroup, x += kGroup * slice.depth) {
    tile_at<Lanes, kGroup, kPanels>(slice, x, Grouped(), row, panel, numbers, panel_stride);
  }
  const auto rest = [&]<size_t kRows>(std::integral_constant<size_t, kRows>)
      __attribute__((always_inline)) {
    tile_at<Lanes, kRows, kPanels>(slice, x, Grouped(), row, panel, numbers, panel_stride);
  };
  switch (end - row) {
    case 5:
      return rest(std::integral_constant<size_t, 5>());
    case 4:
      return rest(std::integral_constant<size_t, 4>());
    case 3:
      return rest(std::integral_constant<size_t, 3>());
    case 2:
      return rest(std::integral_constant<size_t, 2>());
    case 1:
      return rest(std::integral_constant<size_t, 1>());
    default:
      return;
  }
}

// What a thread needs beside the rows.
struct Room {
  std::vector<float> grouped = std::vector<float>(static_cast<size_t>(kRowBlock * kDepth));
  std::vector<float> expanded = std::vector<float>(static_cast<size_t>(2 * kWidth * kDepth));
};

// kPanels panels and a block of rows.
template <typename Lanes, size_t kPanels, typename Number>
[[gnu::always_inline]] inline void block_of_rows(const Slice<Number>& slice, int64_t begin,
                                                 int64_t end, int64_t panel, Room& room) {
  const Number* numbers = slice.panels + panel * slice.panel_stride;
  const float* const x = room.grouped.data();
  if (sizeof(Number) == sizeof(float) || end - begin < kExpandFrom) {
    return all_rows<Lanes, kPanels>(slice, x, begin, end, panel, numbers, slice.panel_stride);
  }
  const int64_t size = slice.depth * kWidth;
  float* into = room.expanded.data();
  for (size_t i = 0; i < kPanels; ++i, numbers += slice.panel_stride) {
    for (int64_t k = 0; k < size; k += kLanes<Lanes>, into += kLanes<Lanes>) {
      const Lanes lanes = load<Lanes>(numbers + k);
      std::memcpy(into, &lanes, sizeof lanes);
    }
  }
  all_rows<Lanes, kPanels>(slice, x, begin, end, panel,
                           static_cast<const float*>(room.expanded.data()), size);
}

// Rows [begin, end), at most kRowBlock.
template <typename Lanes, typename Number>
[[gnu::always_inline]] inline void many_rows(const Slice<Number>& slice, int64_t begin, int64_t end,
                                             int64_t first, int64_t last, Room& room) {
  for (int64_t row = begin; row < end; ++row) {
    const float* const from = slice.rows.x + row * slice.rows.inputs + slice.from;
    const int64_t number = row - begin;
    float* const into =
        room.grouped.data() + number / kGroup * kGroup * slice.depth + number % kGroup;
    for (int64_t k = 0; k < slice.depth; ++k) into[k * kGroup] = from[k];
  }
  // Twelve sums of the sixteen registers of AVX2, and of the thirty-two of AVX-512.
  constexpr size_t kPanels = 2 / kVectors<Lanes>;
  int64_t panel = first;
  for (; panel + static_cast<int64_t>(kPanels) <= last; panel += kPanels) {
    block_of_rows<Lanes, kPanels>(slice, begin, end, panel, room);
  }
  for (; panel < last; ++panel) block_of_rows<Lanes, 1>(slice, begin, end, panel, room);
}

template <typename Lanes, typename Number>
[[gnu::always_inline]] inline void multiply_all(const Rows& rows, const Number* panels,
                                                int64_t first, int64_t last, Room& room) {
  constexpr size_t kAtOnce = 8 / kVectors<Lanes>;
  for (int64_t from = 0; from < rows.inputs; from += kDepth) {
    const Slice<Number> slice{rows, from, std::min(kDepth, rows.inputs - from),
                              panels + from * kWidth, rows.inputs * kWidth};
    if (rows.rows == 1) {
      few_rows<Lanes, 1, kAtOnce>(slice, first, last);
    } else if (rows.rows == 2) {
      few_rows<Lanes, 2, kAtOnce / 2>(slice, first, last);
    } else if (rows.rows == 3) {
      few_rows<Lanes, 3, kAtOnce / 2>(slice, first, last);
    } else {
      for (int64_t row = 0; row < rows.rows; row += kRowBlock) {
        many_rows<Lanes>(slice, row, std::min(rows.rows, row + kRowBlock), first, last, room);
      }
    }
  }
}

// The compiler makes a version for each kind of CPU and chooses when the library is loaded. Not
// for sanitizers: what chooses would run before they are ready.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define M3_CPU(kind) __attribute__((target_clones(kind, "default")))
#else
#define M3_CPU(kind)
#endif

#define M3_MULTIPLY(name, kind, Lanes, Number)                                                 \
  M3_CPU(kind)                                                                                 \
  void name(const Rows& rows, const Number* panels, int64_t first, int64_t last, Room& room) { \
    multiply_all<Lanes>(rows, panels, first, last, room);                                      \
  }
M3_MULTIPLY(floats_by_eight, "arch=x86-64-v3", Eight, float)
M3_MULTIPLY(halves_by_eight, "arch=x86-64-v3", Eight, uint16_t)
M3_MULTIPLY(floats_by_sixteen, "arch=x86-64-v4", Sixteen, float)
M3_MULTIPLY(halves_by_sixteen, "arch=x86-64-v4", Sixteen, uint16_t)

Room& room_of_thread() {
  thread_local Room room;
  return room;
}

}  // namespace

template <typename Number>
void pack(const Number* weight, int64_t outputs, int64_t inputs, Number* panels) {
  for (int64_t panel = 0; panel < count_of(outputs); ++panel) {
    const int64_t used = std::min(kWidth, outputs - panel * kWidth);
    const Number* const rows = weight + panel * kWidth * inputs;
    Number* const into = panels + panel * kWidth * inputs;
    for (int64_t input = 0; input < inputs; ++input) {
      for (int64_t output = 0; output < kWidth; ++output) {
        into[input * kWidth + output] = output < used ? rows[output * inputs + input] : Number{0};
      }
    }
  }
}
template void pack(const float*, int64_t, int64_t, float*);
template void pack(const uint16_t*, int64_t, int64_t, uint16_t*);

template <>
void multiply(const Rows& rows, const float* panels, int64_t first, int64_t last, Cpu cpu) {
  (cpu == Cpu::kSixteen ? floats_by_sixteen : floats_by_eight)(rows, panels, first, last,
                                                               room_of_thread());
}
template <>
void multiply(const Rows& rows, const uint16_t* panels, int64_t first, int64_t last, Cpu cpu) {
  (cpu == Cpu::kSixteen ? halves_by_sixteen : halves_by_eight)(rows, panels, first, last,
                                                               room_of_thread());
}

Cpu cpu_here() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Cpu::kSixteen;
  }
  const bool eight = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return eight ? Cpu::kEight : Cpu::kOther;
#else
  return Cpu::kEight;
#endif
}

}  // namespace m3::panels
