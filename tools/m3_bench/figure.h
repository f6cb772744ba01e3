// Figure: one measured number, and how it compares with a ceiling of the machine or with a peer.
// Threads: a value; the functions are free.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace m3::bench {

struct Figure {
  std::string name;  // "decode.step"
  double value = 0;
  std::string unit;             // "ms", "GB/s", "tokens/s"
  std::optional<double> ratio;  // value, or the rate behind it, over `of`
  std::string of;               // "memory bandwidth", "ONNX Runtime 1.20"
};

// Prints a figure as soon as it is known: a JSON line, or columns for people.
void print(const Figure& figure, bool json);

// The middle value, the mean of the two middle ones for an even number. `values` must not be empty.
double median(std::vector<double> values);

}  // namespace m3::bench
