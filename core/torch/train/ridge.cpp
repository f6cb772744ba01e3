#include "core/torch/train/ridge.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>

#include <array>
#include <limits>

namespace m3 {
namespace {

// Shares of the mean variance of a feature that are tried as the ridge.
constexpr std::array<double, 5> kRidges = {0.003, 0.01, 0.03, 0.1, 0.3};
constexpr double kUsualRidge = 0.1;      // where too few rows tell
constexpr int64_t kEvery = 10;           // so many rows, one is held out
constexpr int64_t kFewestHeldOut = 8;    // fewer tell nothing
constexpr double kLeastVariance = 1e-4;  // as a share of the mean variance
constexpr double kNoSpread = 1e-12;      // of a variance

// Sums over the rows that a map is fitted to.
struct Sums {
  Sums(const at::Tensor& x, const at::Tensor& y) : x_mean(x.mean(0)), y_mean(y.mean(0)) {
    const at::Tensor centred = x - x_mean;
    square = at::matmul(centred.t(), centred);
    wanted = at::matmul(centred.t(), y - y_mean);
  }
  at::Tensor x_mean;
  at::Tensor y_mean;
  at::Tensor square;  // [features, features]
  at::Tensor wanted;  // [features, width]
};

// -> [features, width]
at::Tensor solve(const Sums& sums, double ridge) {
  const double strength = ridge * sums.square.diagonal().mean().item<double>() + kNoSpread;
  const at::Tensor held_small =
      sums.square + at::eye(sums.square.size(0), sums.square.options()) * strength;
  return at::cholesky_solve(sums.wanted, at::linalg_cholesky(held_small));
}

// The share of y's variance that the map explains.
double explained(const Sums& sums, const at::Tensor& weight, const at::Tensor& x,
                 const at::Tensor& y) {
  const at::Tensor error = y - sums.y_mean - at::matmul(x - sums.x_mean, weight);
  const double all = (y - sums.y_mean).square().sum().item<double>();
  return all > 0 ? 1 - error.square().sum().item<double>() / all : 0;
}

}  // namespace

LinearMap fit_ridge(const at::Tensor& x_float, const at::Tensor& y_float) {
  const at::Tensor x = x_float.to(at::kDouble);
  const at::Tensor y = y_float.to(at::kDouble);
  double ridge = kUsualRidge;
  double best = 0;
  const at::Tensor rows = at::arange(x.size(0), x.options().dtype(at::kLong));
  const at::Tensor is_held = rows.remainder(kEvery).eq(0);
  const at::Tensor held = rows.masked_select(is_held);
  if (held.numel() >= kFewestHeldOut) {
    const at::Tensor used = rows.masked_select(is_held.logical_not());
    const at::Tensor x_held = x.index_select(0, held);
    const at::Tensor y_held = y.index_select(0, held);
    const Sums sums(x.index_select(0, used), y.index_select(0, used));
    best = -std::numeric_limits<double>::infinity();
    for (const double tried : kRidges) {
      const double share = explained(sums, solve(sums, tried), x_held, y_held);
      if (share <= best) continue;
      best = share;
      ridge = tried;
    }
  }
  const Sums sums(x, y);
  const at::Tensor weight = solve(sums, ridge);
  const at::Tensor bias = sums.y_mean - at::matmul(sums.x_mean, weight);
  return {weight.t().contiguous().to(at::kFloat), bias.to(at::kFloat), best};
}

void FeatureStatistics::add(const at::Tensor& rows) {
  const at::Tensor exact = rows.to(at::kDouble);
  const at::Tensor sum = exact.sum(0);
  const at::Tensor square = exact.square().sum(0);
  sum_ = sum_.defined() ? sum_ + sum : sum;
  square_ = square_.defined() ? square_ + square : square;
  rows_ += rows.size(0);
}

at::Tensor FeatureStatistics::mean() const {
  return (sum_ / static_cast<double>(rows_)).to(at::kFloat);
}

at::Tensor FeatureStatistics::scale() const {
  const at::Tensor mean = sum_ / static_cast<double>(rows_);
  const at::Tensor variance = square_ / static_cast<double>(rows_) - mean.square();
  // A feature that hardly ever stirs would become loud by being standardised.
  const double least = kLeastVariance * variance.mean().item<double>() + kNoSpread;
  return at::where(variance > kNoSpread, variance.clamp_min(least).rsqrt(), at::ones_like(variance))
      .to(at::kFloat);
}

}  // namespace m3
