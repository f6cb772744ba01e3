#include "core/model/pre_tokenizer.h"

#include "core/error.h"
#include "core/model/in_quotes.h"

namespace m3 {
namespace {

// Unicode's White_Space; PCRE2's own \s takes U+180E too.
#define M3_SPACE \
  R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"

// Every character is a letter, a number, a space or something else, so nothing lies between two
// matches. Of several spaces before a word the last belongs to the word.
constexpr char kGpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" M3_SPACE
                         "\\p{L}\\p{N}]+"
                         "|[" M3_SPACE "]+(?![^" M3_SPACE "])|[" M3_SPACE "]+";

// The same within the parts between digits. A digit ends a part, so that spaces before one are not
// followed by text.
constexpr char kSmolLm[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|\\p{N}| ?[^" M3_SPACE
                           "\\p{L}\\p{N}]+"
                           "|[" M3_SPACE "]+(?![^" M3_SPACE "\\p{N}])|[" M3_SPACE "]+";

#undef M3_SPACE

}  // namespace

WordPattern pre_tokenizer(const std::string& name) {
  if (name == "gpt-2") return {kGpt2, name};
  if (name == "smollm") return {kSmolLm, name};
  throw Error(ErrorCode::kUnsupported,
              "pre-tokenizer " + in_quotes(name) + " is not known; \"gpt-2\" and \"smollm\" are");
}

}  // namespace m3
