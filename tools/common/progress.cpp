#include "tools/common/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace m3::tools {
namespace {

constexpr auto kQuietTime = std::chrono::seconds(2);
constexpr auto kRedrawTime = std::chrono::milliseconds(100);
constexpr int kBarWidth = 30;  // characters
constexpr char kClearLine[] = "\r\033[2K";

// The end of `text`, short enough that bar and text stay in one line of a terminal.
std::string shortened(std::string_view text) {
  constexpr size_t kMost = 38;  // bytes
  if (text.size() <= kMost) return std::string(text);
  size_t begin = text.size() - kMost;
  while (begin < text.size() && (text[begin] & 0xC0) == 0x80) ++begin;  // not within a character
  return "..." + std::string(text.substr(begin));
}

}  // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1), start_(Clock::now()) {}

Progress::~Progress() { clear(); }

void Progress::update(double fraction, std::string_view what) {
  if (!terminal_) return;
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (now - start_ < kQuietTime || (drawn_ && now - last_drawn_ < kRedrawTime)) return;
  const double done = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const int filled = static_cast<int>(done * kBarWidth);
  const std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  std::fprintf(stderr, "%s[%s] %3.0f %% %s", kClearLine, bar.c_str(), done * 100,
               shortened(what).c_str());
  std::fflush(stderr);
  last_drawn_ = now;
  drawn_ = true;
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  if (!drawn_) return;
  std::fputs(kClearLine, stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace m3::tools
