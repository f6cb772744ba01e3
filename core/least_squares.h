// LeastSquares: a few unknowns x that fit many weighted equations row . x = wanted best, by normal
// equations: for fits of small models to thousands of pixels. Allocates nothing. Threads: a value.
#pragma once

#include <array>
#include <cstddef>

namespace m3 {

template <size_t kUnknowns>
class LeastSquares {
 public:
  using Solution = std::array<double, kUnknowns>;

  template <typename Number>
  void add(const std::array<Number, kUnknowns>& row, Number wanted, Number weight) {
    for (size_t r = 0; r < kUnknowns; ++r) {
      const Number weighted = weight * row[r];
      for (size_t c = r; c < kUnknowns; ++c) sums_[r][c] += weighted * row[c];
      sums_[r][kUnknowns] += weighted * wanted;
    }
  }
  // Pulls one unknown to 0: decides what the equations leave open.
  void hold(size_t unknown, double strength) { sums_[unknown][unknown] += strength; }

  // steadying: from 0; that share, and as much outright, is added to each pivot. 0 is for equations
  // that leave nothing open.
  Solution solve(double steadying = 0) const {
    auto m = sums_;
    for (size_t r = 0; r < kUnknowns; ++r) {
      for (size_t c = 0; c < r; ++c) m[r][c] = m[c][r];
    }
    for (size_t i = 0; i < kUnknowns; ++i) {
      m[i][i] += steadying * (1 + m[i][i]);
      for (size_t r = i + 1; r < kUnknowns; ++r) {
        const double f = m[r][i] / m[i][i];
        for (size_t c = i; c <= kUnknowns; ++c) m[r][c] -= f * m[i][c];
      }
    }
    Solution x{};
    for (size_t i = kUnknowns; i-- > 0;) {
      double rest = m[i][kUnknowns];
      for (size_t c = i + 1; c < kUnknowns; ++c) rest -= m[i][c] * x[c];
      x[i] = rest / m[i][i];
    }
    return x;
  }

 private:
  // Upper triangle of the sums of weight * row * row, and of weight * row * wanted behind it.
  std::array<std::array<double, kUnknowns + 1>, kUnknowns> sums_{};
};

}  // namespace m3
