#include "tools/m3_eval/text_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdexcept>

namespace m3::eval {
namespace {

struct MatchFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

PCRE2_SPTR bytes_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct TextPattern::Code {
  explicit Code(const char* pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                         PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &at, nullptr);
    if (code == nullptr) throw std::logic_error(std::string("not a pattern: ") + pattern);
  }
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* code;
};

TextPattern::TextPattern(const char* pattern) : code_(std::make_shared<Code>(pattern)) {}

std::string TextPattern::replace(std::string_view text, const char* by) const {
  std::string out(2 * text.size() + 64, '\0');
  for (;;) {
    PCRE2_SIZE size = out.size();
    const int done = pcre2_substitute(
        code_->code, bytes_of(text), text.size(), 0,
        PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_EXTENDED | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH,
        nullptr, nullptr, reinterpret_cast<PCRE2_SPTR>(by), PCRE2_ZERO_TERMINATED,
        reinterpret_cast<PCRE2_UCHAR*>(out.data()), &size);
    if (done == PCRE2_ERROR_NOMEMORY && size > out.size()) {
      out.resize(size);
      continue;
    }
    if (done < 0) return std::string(text);  // bytes that are not UTF-8: left as they are
    out.resize(size);
    return out;
  }
}

std::vector<std::string> TextPattern::find(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, MatchFree> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr));
  const int groups =
      pcre2_match(code_->code, bytes_of(text), text.size(), 0, 0, match.get(), nullptr);
  std::vector<std::string> found;
  const PCRE2_SIZE* places = pcre2_get_ovector_pointer(match.get());
  for (int group = 0; group < groups; ++group) {
    const PCRE2_SIZE begin = places[2 * group];
    found.push_back(begin == PCRE2_UNSET
                        ? std::string()
                        : std::string(text.substr(begin, places[2 * group + 1] - begin)));
  }
  return found;
}

}  // namespace m3::eval
