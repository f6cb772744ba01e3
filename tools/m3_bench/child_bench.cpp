#include "tools/m3_bench/child_bench.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"

namespace m3::bench {
namespace {

constexpr char kReady[] = R"({"type":"ready"})";

std::vector<std::string> command_line(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"m3-bench"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

[[noreturn]] void failed() {
  throw Error(ErrorCode::kInternal, "a process of the comparison failed; what it said is above");
}

}  // namespace

ChildBench::ChildBench(const std::vector<std::string>& arguments)
    : process_("/proc/self/exe", command_line(arguments)) {}

void ChildBench::wait_ready() {
  while (const std::optional<std::string> line = process_.read_line()) {
    if (*line == kReady) return;
  }
  failed();
}

void ChildBench::go() { process_.write_line("go"); }

std::map<std::string, double> ChildBench::figures() {
  std::map<std::string, double> figures;
  while (const std::optional<std::string> line = process_.read_line()) {
    const auto row = nlohmann::json::parse(*line, nullptr, false);
    if (row.is_object() && row.value("type", "") == "bench")
      figures[row.value("name", "")] = row.value("value", 0.0);
  }
  if (!process_.wait()) failed();
  return figures;
}

void ChildBench::ready_and_wait() {
  std::printf("%s\n", kReady);
  std::fflush(stdout);
  for (int character = std::fgetc(stdin); character != EOF && character != '\n';) {
    character = std::fgetc(stdin);
  }
}

}  // namespace m3::bench
