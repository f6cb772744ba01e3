// PreTokenizer: cuts a text into the pieces within which byte-level BPE merges: words, digits,
// punctuation, spaces. Threads: immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace m3 {

class PreTokenizer {
 public:
  // name: "gpt-2", or "smollm" (each digit a piece of its own, then GPT-2's rule between them).
  // Throws kUnsupported.
  explicit PreTokenizer(const std::string& name);
  ~PreTokenizer();

  // Calls `piece` for each piece of `text` in order; joined they are the text. text: valid UTF-8.
  void cut(std::string_view text, const std::function<void(std::string_view)>& piece) const;

 private:
  struct Pattern;
  std::unique_ptr<const Pattern> pattern_;
};

}  // namespace m3
