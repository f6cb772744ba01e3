#include "core/model/byte_alphabet.h"

#include <array>
#include <cstdint>

namespace m3 {
namespace {

constexpr char32_t kFirstStandIn = 0x100;
constexpr int kCharacters = 0x100 + 68;  // 68 bytes are not printable

constexpr bool is_printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

// Byte by character, -1 where there is none.
constexpr std::array<int16_t, kCharacters> kBytes = [] {
  std::array<int16_t, kCharacters> bytes{};
  bytes.fill(-1);
  int stand_in = kFirstStandIn;
  for (int byte = 0; byte < 256; ++byte) {
    bytes[is_printable(byte) ? byte : stand_in++] = static_cast<int16_t>(byte);
  }
  return bytes;
}();

}  // namespace

std::optional<std::string> bytes_of_alphabet(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    // All characters of the alphabet take one or two bytes of UTF-8.
    unsigned character = static_cast<unsigned char>(text[i]);
    if (character >= 0xe0) return std::nullopt;
    if (character >= 0xc0)
      character = (character & 0x1f) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f);
    if (character >= kBytes.size() || kBytes[character] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes[character]));
  }
  return bytes;
}

std::array<std::string, 256> byte_alphabet() {
  std::array<std::string, 256> alphabet;
  for (size_t character = 0; character < kBytes.size(); ++character) {
    if (kBytes[character] < 0) continue;
    std::string& text = alphabet[static_cast<size_t>(kBytes[character])];
    if (character < 0x80) {
      text.push_back(static_cast<char>(character));
    } else {
      text.push_back(static_cast<char>(0xc0 | (character >> 6)));
      text.push_back(static_cast<char>(0x80 | (character & 0x3f)));
    }
  }
  return alphabet;
}

}  // namespace m3
