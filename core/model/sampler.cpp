#include "core/model/sampler.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace m3 {
namespace {

constexpr double kMostTemperature = 2;

struct TopTwo {
  size_t best;
  float second;  // the largest of the others
};

// Throws kInternal when a logit is not finite.
TopTwo top_two(std::span<const float> logits) {
  TopTwo top{0, -INFINITY};
  for (size_t id = 0; id < logits.size(); ++id) {
    if (!std::isfinite(logits[id])) {
      throw Error(ErrorCode::kInternal,
                  "the language model gave a logit that is no number, for token " +
                      std::to_string(id) + "; try dtype=float32");
    }
    if (id == 0) continue;
    if (logits[id] > logits[top.best]) {
      top.second = logits[top.best];
      top.best = id;
    } else {
      top.second = std::max(top.second, logits[id]);
    }
  }
  return top;
}

// The logarithm of the sum of e^logit.
double log_sum_exp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

}  // namespace

Sampler::Sampler(SamplerOptions options) : options_(options), random_(options.seed) {
  // Written so that NaN is refused too.
  if (!(options.temperature >= 0 && options.temperature <= kMostTemperature)) {
    throw Error(ErrorCode::kInvalidArgument,
                "temperature must be from 0 to 2, it is " + std::to_string(options.temperature));
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    throw Error(ErrorCode::kInvalidArgument,
                "top-p must be above 0 and at most 1, it is " + std::to_string(options.top_p));
  }
}

int32_t Sampler::pick(std::span<const float> logits) {
  if (logits.empty())
    throw Error(ErrorCode::kInvalidArgument, "there are no logits to pick a token from");
  const TopTwo top = top_two(logits);
  const float largest = logits[top.best];
  const auto id = options_.temperature == 0 ? top.best : draw(logits, largest);

  log_probability_ += logits[id] - log_sum_exp(logits, largest);
  if (logits.size() > 1) {
    const double lead = double{logits[id]} - (id == top.best ? top.second : largest);
    margin_ = picks_ == 0 ? lead : std::min(margin_, lead);
  }
  ++picks_;
  return static_cast<int32_t>(id);
}

size_t Sampler::draw(std::span<const float> logits, float largest) {
  order_.clear();
  double sum = 0;
  for (size_t id = 0; id < logits.size(); ++id) {
    const auto weight =
        static_cast<float>(std::exp((double{logits[id]} - largest) / options_.temperature));
    if (weight > 0) order_.emplace_back(weight, static_cast<int32_t>(id));
    sum += weight;
  }
  auto kept = order_.begin();
  if (options_.top_p < 1) {
    // The likeliest first, of equals the lower id, taken off a heap: few are needed, so sorting all
    // would be waste.
    const auto less = [](const auto& a, const auto& b) {
      return a.first < b.first || (a.first == b.first && a.second > b.second);
    };
    const double enough = options_.top_p * sum;
    std::make_heap(order_.begin(), order_.end(), less);
    auto heap_end = order_.end();
    for (sum = 0; sum < enough && heap_end != order_.begin(); --heap_end) {
      std::pop_heap(order_.begin(), heap_end, less);
      sum += (heap_end - 1)->first;
    }
    kept = heap_end;
  }
  // 53 random bits make a number from 0 up to, not including, 1; the standard's distributions
  // differ by library.
  double rest = static_cast<double>(random_() >> 11) * 0x1p-53 * sum;
  auto taken = order_.end() - 1;
  while (taken != kept && rest >= taken->first) rest -= (taken--)->first;
  return static_cast<size_t>(taken->second);
}

double Sampler::confidence() const { return picks_ == 0 ? 0 : std::exp(log_probability_ / picks_); }

double Sampler::margin() const { return margin_; }

}  // namespace m3
