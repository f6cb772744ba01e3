#include "core/model/special_tokens.h"

#include <algorithm>

namespace m3 {

SpecialTokens::SpecialTokens(std::vector<std::pair<std::string, int32_t>> tokens)
    : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const auto& token) { return token.first.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  for (const auto& [text, id] : tokens_) begins_[static_cast<unsigned char>(text[0])] = true;
}

void SpecialTokens::split(std::string_view text, const std::function<void(std::string_view)>& plain,
                          const std::function<void(int32_t)>& special) const {
  size_t from = 0;
  for (size_t at = 0; at < text.size();) {
    const auto found = !begins_[static_cast<unsigned char>(text[at])]
                           ? tokens_.end()
                           : std::find_if(tokens_.begin(), tokens_.end(), [&](const auto& token) {
                               return text.substr(at).starts_with(token.first);
                             });
    if (found == tokens_.end()) {
      ++at;
      continue;
    }
    if (at > from) plain(text.substr(from, at - from));
    special(found->second);
    at += found->first.size();
    from = at;
  }
  if (from < text.size()) plain(text.substr(from));
}

}  // namespace m3
