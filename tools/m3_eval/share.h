// Share: how many of the questions, in percent, and between what limits another draw of pictures
// would put it. Threads: values and free functions.
#pragma once

#include <cstddef>
#include <vector>

namespace m3::eval {

struct Share {
  double percent = 0;
  double low = 0;  // 95 % interval
  double high = 0;
  size_t count = 0;  // of questions
};

// What was seen of one question.
struct Outcome {
  size_t picture = 0;  // number of its picture, from 0
  double value = 0;    // 1: right; or any number whose mean is wanted
};

// The mean of the values. Questions about one picture stand and fall together, so the interval
// comes from drawing pictures, not questions, with replacement 2,000 times, and taking the 2.5th
// and 97.5th percentile (bootstrap: B. Efron, 1979). The draws are the same in every run.
Share share_of(const std::vector<Outcome>& outcomes);
// The mean alone.
double mean_of(const std::vector<Outcome>& outcomes);

}  // namespace m3::eval
