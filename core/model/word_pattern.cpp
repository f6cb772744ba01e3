#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/model/word_pattern.h"

#include <pcre2.h>

#include <new>
#include <utility>

#include "core/error.h"
#include "core/model/utf8.h"

namespace m3 {
namespace {

// Steps of one match. Patterns of real tokenizers take a few for each character.
constexpr uint32_t kMostSteps = 1'000'000;

struct DataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct ContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct WordPattern::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

WordPattern::WordPattern(const std::string& pattern, const std::string& path) : path_(path) {
  int error = 0;
  size_t offset = 0;
  auto code = std::make_unique<Code>();
  code->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (code->code == nullptr) {
    throw Error(ErrorCode::kCorrupt, path_ + ": a pattern of the tokenizer is no regular " +
                                         "expression (at its byte " + std::to_string(offset) + ")");
  }
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // without it matching works too, slower
  code_ = std::move(code);
}

WordPattern::WordPattern(WordPattern&&) noexcept = default;
WordPattern::~WordPattern() = default;

void WordPattern::cut(std::string_view text,
                      const std::function<void(std::string_view)>& piece) const {
  const std::unique_ptr<pcre2_match_data, DataFree> match(pcre2_match_data_create(1, nullptr));
  const std::unique_ptr<pcre2_match_context, ContextFree> context(
      pcre2_match_context_create(nullptr));
  if (!match || !context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), kMostSteps);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t from = 0;
  for (size_t at = 0; at < text.size();) {
    const int found = pcre2_match(code_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK,
                                  match.get(), context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      throw Error(ErrorCode::kCorrupt, path_ + ": a pattern of the tokenizer cannot be matched " +
                                           "(PCRE2's error " + std::to_string(found) + ")");
    }
    const size_t begin = pcre2_get_ovector_pointer(match.get())[0];
    const size_t end = pcre2_get_ovector_pointer(match.get())[1];
    if (end <= begin) {  // nothing was matched: not a piece
      at = begin + (begin < text.size() ? utf8_step(text.substr(begin)).bytes : 1);
      continue;
    }
    if (begin > from) piece(text.substr(from, begin - from));
    piece(text.substr(begin, end - begin));
    from = at = end;
  }
  if (from < text.size()) piece(text.substr(from));
}

}  // namespace m3
