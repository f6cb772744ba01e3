#include "tools/m3_eval/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace m3::eval {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kColumn = 19;  // characters

double rounded(double value) { return std::round(value * 100) / 100; }

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[128];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string cell(const std::string& text) { return format("%*s", kColumn, text.c_str()); }

std::string cell(const Share& share) {
  return cell(format("%.1f (%.0f to %.0f)", share.percent, share.low, share.high));
}

template <typename CellOf>
std::string row(const std::string& name, const std::vector<KindTable>& tables, CellOf cell_of) {
  std::string line = format("%-8s", name.c_str());
  for (const KindTable& table : tables) line += cell_of(table);
  return line + "\n";
}

Json with_share(Json line, const Share& share) {
  line["accuracy"] = rounded(share.percent);
  line["low"] = rounded(share.low);
  line["high"] = rounded(share.high);
  line["n"] = share.count;
  return line;
}

}  // namespace

std::string to_text(const std::vector<KindTable>& tables, const std::vector<int>& ladder) {
  std::string text = "Percent right (95 % interval), by visual tokens a picture\n\n";
  text += row("tokens", tables, [](const KindTable& table) {
    return cell(table.kind + " " + std::to_string(table.oracle.count));
  });
  for (size_t step = 0; step < ladder.size(); ++step) {
    text += row(std::to_string(ladder[step]), tables,
                [&](const KindTable& table) { return cell(table.scales[step]); });
  }
  text += row("oracle", tables, [](const KindTable& table) { return cell(table.oracle); });
  text += row("  tokens", tables,
              [](const KindTable& table) { return cell(format("%.1f", table.oracle_tokens)); });
  if (tables.front().blind) {
    text += row("blind", tables, [](const KindTable& table) { return cell(*table.blind); });
  }
  return text;
}

std::string to_json_lines(const std::vector<KindTable>& tables, const std::vector<int>& ladder) {
  std::string lines;
  const auto add = [&](const Json& line) { lines += line.dump() + "\n"; };
  for (size_t step = 0; step < ladder.size(); ++step) {
    for (const KindTable& table : tables) {
      add(with_share({{"type", "granularity"}, {"scale", ladder[step]}, {"kind", table.kind}},
                     table.scales[step]));
    }
  }
  for (const KindTable& table : tables) {
    Json line = with_share({{"type", "oracle"}, {"kind", table.kind}}, table.oracle);
    line["tokens"] = rounded(table.oracle_tokens);
    add(line);
  }
  for (const KindTable& table : tables) {
    if (table.blind) add(with_share({{"type", "blind"}, {"kind", table.kind}}, *table.blind));
  }
  return lines;
}

std::string to_text(const std::vector<KindShare>& shares) {
  std::string text = "Percent right (95 % interval)\n\n";
  for (const KindShare& entry : shares) {
    text += format("%-10s", entry.kind.c_str()) + cell(entry.share) +
            format("  of %zu\n", entry.share.count);
  }
  return text;
}

std::string to_json_lines(const std::vector<KindShare>& shares, const std::string& type) {
  std::string lines;
  for (const KindShare& entry : shares)
    lines += with_share({{"type", type}, {"kind", entry.kind}}, entry.share).dump() + "\n";
  return lines;
}

}  // namespace m3::eval
