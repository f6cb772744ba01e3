#include "core/model/utf8.h"

#include <algorithm>
#include <utility>

namespace m3 {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

// The well-formed characters that begin with `lead`: their length, 0 for none, and the range of the
// second byte.
struct Lead {
  size_t bytes;
  unsigned char second_least;
  unsigned char second_most;
};

Lead lead_of(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead < 0xF0) {
    return {3, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(lead == 0xED ? 0x9F
                                                    : 0xBF)};  // no overlong forms, no surrogates
  }
  if (lead < 0xF5) {
    return {4, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};  // nothing above U+10FFFF
  }
  return {0, 0, 0};
}

// Appends `bytes` with broken parts replaced and returns how many it took: all, or all but a tail
// that is cut off.
size_t append_valid(std::string_view bytes, bool keep_tail, std::string* out) {
  size_t at = 0;
  size_t copied = 0;
  while (at < bytes.size()) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const Utf8Step step = utf8_step(bytes.substr(at));
    if (!step.valid) {
      out->append(bytes.substr(copied, at - copied));
      copied = at;
      if (step.cut_off && keep_tail) return at;
      out->append(kReplacement);
      copied += step.bytes;
    }
    at += step.bytes;
  }
  out->append(bytes.substr(copied));
  return at;
}

}  // namespace

Utf8Step utf8_step(std::string_view bytes) noexcept {
  const Lead lead = lead_of(static_cast<unsigned char>(bytes[0]));
  if (lead.bytes <= 1) return {1, lead.bytes == 1, false};
  const size_t there = std::min(lead.bytes, bytes.size());
  for (size_t at = 1; at < there; ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    const unsigned char least = at == 1 ? lead.second_least : 0x80;
    const unsigned char most = at == 1 ? lead.second_most : 0xBF;
    if (byte < least || byte > most) return {at, false, false};
  }
  return {there, there == lead.bytes, there < lead.bytes};
}

bool is_valid_utf8(std::string_view bytes) noexcept {
  size_t at = 0;
  while (at < bytes.size()) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const Utf8Step step = utf8_step(bytes.substr(at));
    if (!step.valid) return false;
    at += step.bytes;
  }
  return true;
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  append_valid(bytes, /*keep_tail=*/false, &text);
  return text;
}

std::string Utf8Stream::push(std::string_view bytes) {
  std::string joined;
  if (!tail_.empty()) {
    joined = std::exchange(tail_, {}).append(bytes);
    bytes = joined;
  }
  std::string text;
  const size_t taken = append_valid(bytes, /*keep_tail=*/true, &text);
  tail_.assign(bytes.substr(taken));
  return text;
}

std::string Utf8Stream::finish() { return to_valid_utf8(std::exchange(tail_, {})); }

}  // namespace m3
