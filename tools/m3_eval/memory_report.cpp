#include "tools/m3_eval/memory_report.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace m3::eval {
namespace {

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[128];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

double rounded(double value) { return std::round(value * 100) / 100; }

}  // namespace

std::string to_text(const std::vector<MemoryRow>& rows, const std::vector<MemoryLead>& leads) {
  std::set<std::string> kinds;
  std::map<std::pair<double, Arm>, std::map<std::string, Share>> lines;
  for (const MemoryRow& row : rows) {
    kinds.insert(row.kind);
    lines[{row.seconds_ago, row.arm}][row.kind] = row.share;
  }
  std::string text = "Percent right (95 % interval), by seconds since the picture\n\n";
  text += format("%-8s%-8s", "seconds", "memory");
  for (const std::string& kind : kinds) text += format("%21s", kind.c_str());
  text += "\n";
  for (const auto& [key, line] : lines) {
    text += format("%-8.0f%-8s", key.first, to_string(key.second));
    for (const std::string& kind : kinds) {
      const auto share = line.find(kind);
      if (share == line.end()) continue;
      const auto& [percent, low, high, count] = share->second;
      text += format("%21s", format("%.1f (%.0f to %.0f) %zu", percent, low, high, count).c_str());
    }
    text += "\n";
  }
  if (leads.empty()) return text;
  text +=
      "\nPoints ahead of grey pictures (95 % interval); P that nested has so many times the "
      "other's lead\n\n";
  text += format("%-8s%-6s%22s  %-7s%22s  %s\n", "seconds", "kind", "nested", "against", "", "P");
  const auto points = [](const Lead& lead) {
    return format("%+.1f (%+.0f to %+.0f)", lead.points, lead.low, lead.high);
  };
  for (const MemoryLead& lead : leads) {
    text += format("%-8.0f%-6s%22s  %-7s%22s  %.3f of %.1f times\n", lead.seconds_ago,
                   lead.kind.c_str(), points(lead.nested).c_str(), to_string(lead.against),
                   points(lead.other).c_str(), lead.probability, lead.factor);
  }
  return text;
}

std::string to_json_lines(const std::vector<MemoryRow>& rows,
                          const std::vector<MemoryLead>& leads) {
  std::string lines;
  for (const MemoryRow& row : rows) {
    const nlohmann::ordered_json line = {{"type", "memory"},
                                         {"seconds_ago", row.seconds_ago},
                                         {"memory", to_string(row.arm)},
                                         {"kind", row.kind},
                                         {"accuracy", rounded(row.share.percent)},
                                         {"low", rounded(row.share.low)},
                                         {"high", rounded(row.share.high)},
                                         {"n", row.share.count}};
    lines += line.dump() + "\n";
  }
  for (const MemoryLead& lead : leads) {
    const nlohmann::ordered_json line = {{"type", "memory_lead"},
                                         {"seconds_ago", lead.seconds_ago},
                                         {"kind", lead.kind},
                                         {"against", to_string(lead.against)},
                                         {"factor", lead.factor},
                                         {"nested", rounded(lead.nested.points)},
                                         {"nested_low", rounded(lead.nested.low)},
                                         {"nested_high", rounded(lead.nested.high)},
                                         {"other", rounded(lead.other.points)},
                                         {"other_low", rounded(lead.other.low)},
                                         {"other_high", rounded(lead.other.high)},
                                         {"probability", rounded(lead.probability)}};
    lines += line.dump() + "\n";
  }
  return lines;
}

}  // namespace m3::eval
