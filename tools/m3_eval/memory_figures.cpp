#include "tools/m3_eval/memory_figures.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>
#include <tuple>
#include <utility>

namespace m3::eval {
namespace {

constexpr int kDraws = 2000;
constexpr double kOfRecent = 2;
constexpr double kOfFine = 0.8;

// Right answers and questions.
struct Count {
  double right = 0;
  double asked = 0;
  void add(const Count& more) {
    right += more.right;
    asked += more.asked;
  }
  double percent() const { return asked > 0 ? 100 * right / asked : 0; }
};

// Of one needle, or of several, by who answered.
using Counts = std::map<Arm, Count>;

double lead_in(const Counts& counts, Arm arm) {
  return counts.at(arm).percent() - counts.at(Arm::kBlind).percent();
}

Lead lead_of(double points, std::vector<double> draws) {
  std::sort(draws.begin(), draws.end());
  return {points, draws[kDraws * 25 / 1000], draws[kDraws * 975 / 1000 - 1]};
}

Counts sum_of(const std::vector<Counts>& needles) {
  Counts sum;
  for (const Counts& needle : needles) {
    for (const auto& [arm, count] : needle) sum[arm].add(count);
  }
  return sum;
}

MemoryLead lead_against(Arm against, const std::vector<Counts>& needles) {
  MemoryLead lead;
  lead.against = against;
  lead.factor = against == Arm::kRecent ? kOfRecent : kOfFine;
  std::mt19937_64 random(1);
  std::vector<double> nested;
  std::vector<double> other;
  int holds = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    Counts sum;
    for (size_t i = 0; i < needles.size(); ++i) {
      for (const auto& [arm, count] : needles[random() % needles.size()]) sum[arm].add(count);
    }
    nested.push_back(lead_in(sum, Arm::kNested));
    other.push_back(lead_in(sum, against));
    holds += nested.back() > 0 && nested.back() >= lead.factor * other.back() ? 1 : 0;
  }
  const Counts all = sum_of(needles);
  lead.nested = lead_of(lead_in(all, Arm::kNested), std::move(nested));
  lead.other = lead_of(lead_in(all, against), std::move(other));
  lead.probability = static_cast<double>(holds) / kDraws;
  return lead;
}

}  // namespace

std::vector<MemoryRow> rows_of(const std::vector<MemoryRecord>& records) {
  std::map<std::tuple<double, std::string, Arm>, std::vector<Outcome>> outcomes;
  for (const MemoryRecord& one : records) {
    const Outcome outcome{one.needle, one.right ? 1.0 : 0.0};
    outcomes[{one.seconds_ago, "all", one.arm}].push_back(outcome);
    outcomes[{one.seconds_ago, one.kind, one.arm}].push_back(outcome);
  }
  std::vector<MemoryRow> rows;
  for (const auto& [key, of_row] : outcomes) {
    const auto& [ago, kind, arm] = key;
    rows.push_back({ago, kind, arm, share_of(of_row)});
  }
  return rows;
}

std::vector<MemoryLead> leads_of(const std::vector<MemoryRecord>& records) {
  std::map<std::pair<double, std::string>, std::map<size_t, Counts>> by_needle;
  for (const MemoryRecord& one : records) {
    for (const std::string& kind : {std::string("all"), one.kind})
      by_needle[{one.seconds_ago, kind}][one.needle][one.arm].add({one.right ? 1.0 : 0.0, 1});
  }
  std::vector<MemoryLead> leads;
  for (const auto& [key, of_key] : by_needle) {
    std::vector<Counts> needles;
    for (const auto& [needle, counts] : of_key) needles.push_back(counts);
    const Counts all = sum_of(needles);
    if (!all.contains(Arm::kNested) || !all.contains(Arm::kBlind)) continue;
    for (const Arm against : {Arm::kRecent, Arm::kFine}) {
      if (!all.contains(against)) continue;
      MemoryLead& lead = leads.emplace_back(lead_against(against, needles));
      std::tie(lead.seconds_ago, lead.kind) = key;
    }
  }
  return leads;
}

}  // namespace m3::eval
