#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/model/pre_tokenizer.h"

#include <pcre2.h>

#include <cassert>
#include <new>

#include "core/error.h"
#include "core/model/in_quotes.h"

namespace m3 {
namespace {

// Unicode's White_Space; PCRE2's own \s takes U+180E too.
#define M3_SPACE \
  R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"

// Of several spaces before a word the last belongs to the word.
constexpr char kGpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" M3_SPACE
                         "\\p{L}\\p{N}]+"
                         "|[" M3_SPACE "]+(?![^" M3_SPACE "])|[" M3_SPACE "]+";

// The same within the parts between digits. A digit ends a part, so that spaces before one are not
// followed by text.
constexpr char kSmolLm[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|\\p{N}| ?[^" M3_SPACE
                           "\\p{L}\\p{N}]+"
                           "|[" M3_SPACE "]+(?![^" M3_SPACE "\\p{N}])|[" M3_SPACE "]+";

#undef M3_SPACE

struct MatchDataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct PreTokenizer::Pattern {
  explicit Pattern(const char* text) {
    int error = 0;
    size_t offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text), PCRE2_ZERO_TERMINATED,
                         PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr);
    if (code == nullptr) {
      throw Error(ErrorCode::kInternal, "the pre-tokenizer's pattern was refused at " +
                                            std::to_string(offset) +
                                            "; PCRE2 needs Unicode support");
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without it matching works too, slower
  }
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  pcre2_code* code;
};

PreTokenizer::PreTokenizer(const std::string& name) {
  if (name != "gpt-2" && name != "smollm") {
    throw Error(ErrorCode::kUnsupported,
                "pre-tokenizer " + in_quotes(name) + " is not known; \"gpt-2\" and \"smollm\" are");
  }
  pattern_ = std::make_unique<const Pattern>(name == "smollm" ? kSmolLm : kGpt2);
}

PreTokenizer::~PreTokenizer() = default;

void PreTokenizer::cut(std::string_view text,
                       const std::function<void(std::string_view)>& piece) const {
  const std::unique_ptr<pcre2_match_data, MatchDataFree> match(pcre2_match_data_create(1, nullptr));
  if (match == nullptr) throw std::bad_alloc();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  for (size_t at = 0; at < text.size();) {
    const int found = pcre2_match(pattern_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK,
                                  match.get(), nullptr);
    if (found < 0) {
      throw Error(ErrorCode::kInternal,
                  "the pre-tokenizer failed with PCRE2's error " + std::to_string(found));
    }
    const size_t end = pcre2_get_ovector_pointer(match.get())[1];
    assert(end > at);  // every character is a letter, a number, a space or something else
    piece(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace m3
