#include "core/model/chat_template.h"

#include "core/frame.h"

namespace m3 {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// One pass over the template: a place that stands in `value` itself is plain text.
std::string filled(std::string_view text, std::string_view place, std::string_view value) {
  std::string result;
  size_t from = 0;
  for (size_t at; (at = text.find(place, from)) != std::string_view::npos;
       from = at + place.size()) {
    result.append(text.substr(from, at - from)).append(value);
  }
  return result.append(text.substr(from));
}

}  // namespace

std::string ChatTemplate::prefix_text(std::string_view system_prompt) const {
  return filled(prefix, "{system}",
                system_prompt.empty() ? std::string_view(system) : system_prompt);
}

std::string ChatTemplate::marker_text(int64_t pts_ns) const {
  if (pts_ns == kNoTime) return marker_picture;
  return filled(marker_video, "{second}", std::to_string(pts_ns / kNanosecondsPerSecond));
}

std::string ChatTemplate::question_text(std::string_view text, QuestionPlace place) const {
  const std::string& own = place == QuestionPlace::kAlone          ? question_alone
                           : place == QuestionPlace::kBehindAnswer ? question_again
                                                                   : question;
  return filled(own.empty() ? question : own, "{question}", text);
}

}  // namespace m3
