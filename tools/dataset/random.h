// Random: draws that are the same on every machine and with every library. Cheap to make, so each
// example has one of its own and needs no other to be made first. Threads: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace m3::dataset {

class Random {
 public:
  // Draws of different streams have nothing to do with each other.
  explicit Random(uint64_t seed, uint64_t stream = 0) : state_(mixed(seed) ^ mixed(~stream)) {}

  // SplitMix64 (Steele, Lea, Flood, 2014).
  uint64_t next() { return mixed(state_ += kStep); }
  size_t below(size_t limit) { return static_cast<size_t>(next() % limit); }  // limit >= 1
  int between(int first, int last) {                                          // both included
    return first + static_cast<int>(below(static_cast<size_t>(last - first) + 1));
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // 0 <= x < 1
  double between(double low, double high) { return low + (high - low) * unit(); }
  bool chance(double probability) { return unit() < probability; }

  // Of at least one value.
  template <typename Values>
  const auto& one_of(const Values& values) {
    return values[below(values.size())];
  }
  template <typename Value>
  void shuffle(std::vector<Value>& values) {
    for (size_t left = values.size(); left > 1; --left)
      std::swap(values[left - 1], values[below(left)]);
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

  static uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

}  // namespace m3::dataset
