// TextPattern: a regular expression over UTF-8 text whose \w knows all scripts, by PCRE2. Bytes
// that are not UTF-8 count as U+FFFD. Threads: immutable; safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace m3::eval {

class TextPattern {
 public:
  // Throws std::logic_error: patterns are written in the program.
  explicit TextPattern(const char* pattern);

  // All matches replaced; \L in `by` makes what follows lower case, $0 is the match.
  std::string replace(std::string_view text, const char* by) const;
  // Whole match and groups of the first match; empty: none.
  std::vector<std::string> find(std::string_view text) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
};

}  // namespace m3::eval
