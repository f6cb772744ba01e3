#include "tools/m3_eval/share.h"

#include <algorithm>
#include <map>
#include <random>
#include <utility>

namespace m3::eval {
namespace {

constexpr int kDraws = 2000;

}  // namespace

double mean_of(const std::vector<Outcome>& outcomes) {
  double sum = 0;
  for (const Outcome& outcome : outcomes) sum += outcome.value;
  return outcomes.empty() ? 0 : sum / static_cast<double>(outcomes.size());
}

Share share_of(const std::vector<Outcome>& outcomes) {
  Share share;
  share.count = outcomes.size();
  if (outcomes.empty()) return share;
  share.percent = 100 * mean_of(outcomes);
  std::map<size_t, std::pair<double, double>> by_picture;  // sum and number of values
  for (const Outcome& outcome : outcomes) {
    by_picture[outcome.picture].first += outcome.value;
    by_picture[outcome.picture].second += 1;
  }
  std::vector<std::pair<double, double>> pictures;
  for (const auto& [picture, sums] : by_picture) pictures.push_back(sums);
  std::mt19937_64 random(1);
  std::vector<double> means;
  for (int draw = 0; draw < kDraws; ++draw) {
    double sum = 0;
    double number = 0;
    for (size_t i = 0; i < pictures.size(); ++i) {
      const auto& [picture_sum, picture_number] = pictures[random() % pictures.size()];
      sum += picture_sum;
      number += picture_number;
    }
    means.push_back(100 * sum / number);
  }
  std::sort(means.begin(), means.end());
  share.low = means[kDraws * 25 / 1000];
  share.high = means[kDraws * 975 / 1000 - 1];
  return share;
}

}  // namespace m3::eval
