// The projector's start. Standardising numbers for the tower's features, and a linear map, by ridge
// regression, that takes the mean of a picture's features to the mean word embedding of its label.
// Threads: used from one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace m3 {

struct LinearMap {
  at::Tensor weight;     // [width, features], float32
  at::Tensor bias;       // [width]
  double explained = 0;  // share of the variance of wanted rows, on rows it was not fitted to
};

// x: [n, features], y: [n, width], n >= 2. How strongly the map is held small is chosen on every
// tenth row; then it is fitted to all.
LinearMap fit_ridge(const at::Tensor& x, const at::Tensor& y);

// Mean and 1 / standard deviation of every feature, over rows that come picture by picture.
class FeatureStatistics {
 public:
  void add(const at::Tensor& rows);  // [cells, features]
  at::Tensor mean() const;           // [features], float32
  at::Tensor scale() const;          // of a feature that never changes: 1

 private:
  at::Tensor sum_;     // [features], float64
  at::Tensor square_;  // likewise
  int64_t rows_ = 0;
};

}  // namespace m3
