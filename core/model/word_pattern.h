// WordPattern: cuts a text at the matches of a tokenizer's regular expression, which may come from
// a file: each match is a piece, and so is what lies between two of them. Threads: immutable; safe
// from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace m3 {

class WordPattern {
 public:
  // Throws kCorrupt, naming `path`, when it is no regular expression.
  WordPattern(const std::string& pattern, const std::string& path);
  WordPattern(WordPattern&&) noexcept;
  ~WordPattern();

  // Calls `piece` for each piece in order; joined they are the text. text: valid UTF-8. Throws
  // kCorrupt when matching takes so long that the pattern must be at fault.
  void cut(std::string_view text, const std::function<void(std::string_view)>& piece) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
  std::string path_;
};

}  // namespace m3
