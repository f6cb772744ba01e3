#include "core/model/stop_strings.h"

#include <algorithm>
#include <utility>

namespace m3 {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
  // Where several end at the same byte, the longest cuts off the most.
  std::stable_sort(stops_.begin(), stops_.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

std::string StopStrings::push(std::string_view piece) {
  if (found_) return {};
  // Byte by byte, so that where the stream was cut into pieces makes no difference: the stop that
  // is complete first wins.
  for (const char byte : piece) {
    held_.push_back(byte);
    const auto stop = std::find_if(stops_.begin(), stops_.end(),
                                   [&](const std::string& text) { return held_.ends_with(text); });
    if (stop != stops_.end()) {
      found_ = true;
      held_.resize(held_.size() - stop->size());
      return std::exchange(held_, {});
    }
  }
  // Held back is the longest end that a stop begins with.
  const std::string_view held = held_;
  size_t hold = stops_.empty() ? 0 : std::min(held.size(), stops_.front().size() - 1);
  const auto may_become_stop = [&](std::string_view end) {
    return std::any_of(stops_.begin(), stops_.end(),
                       [&](const std::string& stop) { return stop.starts_with(end); });
  };
  while (hold > 0 && !may_become_stop(held.substr(held.size() - hold))) --hold;
  std::string shown = held_.substr(0, held_.size() - hold);
  held_.erase(0, held_.size() - hold);
  return shown;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace m3
