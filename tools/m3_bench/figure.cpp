#include "tools/m3_bench/figure.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace m3::bench {

void print(const Figure& figure, bool json) {
  if (json) {
    nlohmann::ordered_json line = {
        {"type", "bench"}, {"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
    if (figure.ratio) {
      line["ratio"] = *figure.ratio;
      line["of"] = figure.of;
    }
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf("%-28s %10.2f %-9s", figure.name.c_str(), figure.value, figure.unit.c_str());
    if (figure.ratio) std::printf(" %6.2f of %s", *figure.ratio, figure.of.c_str());
    std::printf("\n");
  }
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace m3::bench
