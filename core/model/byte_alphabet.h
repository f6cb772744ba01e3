// The byte-level alphabet of GPT-2's tokenizer: every byte has a printable character, so that
// vocabularies can be written as text. Printable bytes of Latin-1 stand for themselves, the others
// for U+0100 and on. Threads: pure functions.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace m3 {

// The bytes that `text` stands for; none when a character of it is outside the alphabet. text:
// valid UTF-8.
std::optional<std::string> bytes_of_alphabet(std::string_view text);

// The character of each byte, as UTF-8.
std::array<std::string, 256> byte_alphabet();

}  // namespace m3
