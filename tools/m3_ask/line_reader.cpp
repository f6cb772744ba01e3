#include "tools/m3_ask/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace m3::ask {
namespace {

constexpr size_t kLongestLine = size_t{64} << 10;

}  // namespace

std::vector<std::string> LineReader::lines() {
  std::vector<std::string> lines;
  const auto take = [&lines](std::string line) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") != std::string::npos) lines.push_back(std::move(line));
  };
  pollfd ready{file_, POLLIN, 0};
  while (open_ && ::poll(&ready, 1, 0) > 0) {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(file_, bytes.data(), bytes.size());
    if (count <= 0) {
      open_ = false;
      take(std::exchange(rest_, {}));
      break;
    }
    for (ssize_t i = 0; i < count; ++i) {
      if (bytes[static_cast<size_t>(i)] == '\n' || rest_.size() >= kLongestLine) {
        take(std::exchange(rest_, {}));
      }
      if (bytes[static_cast<size_t>(i)] != '\n') rest_ += bytes[static_cast<size_t>(i)];
    }
  }
  return lines;
}

}  // namespace m3::ask
