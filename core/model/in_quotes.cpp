#include "core/model/in_quotes.h"

#include "core/model/utf8.h"

namespace m3 {

std::string in_quotes(std::string_view name) {
  constexpr size_t kMostBytes = 80;
  std::string text = to_valid_utf8(name.substr(0, kMostBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return '"' + text + (name.size() > kMostBytes ? "...\"" : "\"");
}

}  // namespace m3
