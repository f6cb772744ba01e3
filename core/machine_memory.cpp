#include "core/machine_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace m3 {
namespace {

int64_t available_of_machine(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  std::string key;
  int64_t kib = 0;
  std::string unit;
  while (file >> key >> kib) {
    if (key == "MemAvailable:") return kib * 1024;
    std::getline(file, unit);
  }
  return 0;
}

std::optional<int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;  // not there, or "max"
}

// Of control groups version 2: the tightest of the groups from the process's own up to the root.
std::optional<int64_t> left_of_group(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  std::optional<int64_t> least;
  while (std::getline(file, line)) {
    if (!line.starts_with("0::")) continue;
    for (std::string group = line.substr(3);; group.resize(group.rfind('/'))) {
      const std::string folder = root + "/sys/fs/cgroup" + group;
      const auto limit = number_in(folder + "/memory.max");
      const auto used = number_in(folder + "/memory.current");
      if (limit && used) least = std::min(least.value_or(INT64_MAX), *limit - *used);
      if (group.find_last_of('/') == std::string::npos) break;
    }
  }
  return least;
}

}  // namespace

int64_t free_memory_bytes(const std::string& root) {
  const int64_t machine = available_of_machine(root);
  const std::optional<int64_t> group = left_of_group(root);
  if (!group) return machine;
  const int64_t left = std::max<int64_t>(*group, 1);
  return machine == 0 ? left : std::min(machine, left);
}

}  // namespace m3
