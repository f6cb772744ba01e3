// SpecialTokens: finds the texts that stand for one token each, whatever is around them, such as
// "<|im_end|>". Threads: immutable; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/export.h"

namespace m3 {

class M3_API SpecialTokens {
 public:
  // Text and id of each. An empty text is never found.
  explicit SpecialTokens(std::vector<std::pair<std::string, int32_t>> tokens);

  // Calls `plain` for what lies between special tokens and `special` for each of them, in the
  // text's order. At one place the longest wins.
  void split(std::string_view text, const std::function<void(std::string_view)>& plain,
             const std::function<void(int32_t)>& special) const;

 private:
  std::vector<std::pair<std::string, int32_t>> tokens_;  // longest first
  std::array<bool, 256> begins_{};                       // by byte: whether a token begins with it
};

}  // namespace m3
