// Sampler: picks the next token id from logits, greedily or by temperature and top-p with a seed,
// and remembers how sure the picks were. Threads: one answer's sampler is used from one thread at a
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "core/export.h"

namespace m3 {

struct SamplerOptions {
  double temperature = 0;  // 0: greedy; else up to 2
  double top_p = 1;  // (0, 1]: the smallest set of likeliest tokens with this much probability
  uint64_t seed = 0;
};

class M3_API Sampler {
 public:
  explicit Sampler(SamplerOptions options);  // throws kInvalidArgument

  // logits: [V] float32. Ties go to the lower id. Throws kInternal when a logit is NaN or infinite.
  int32_t pick(std::span<const float> logits);

  double confidence()
      const;  // geometric mean of the picks' probabilities (at temperature 1); 0 before the first
  double margin()
      const;  // smallest lead of a pick's logit over the best other one; 0 before the first

 private:
  size_t draw(std::span<const float> logits, float largest);

  const SamplerOptions options_;
  std::mt19937_64 random_;
  std::vector<std::pair<float, int32_t>> order_;  // scratch: weight and id
  double log_probability_ = 0;
  double margin_ = 0;
  int picks_ = 0;
};

}  // namespace m3
