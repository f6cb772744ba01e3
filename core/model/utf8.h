// UTF-8 from bytes that nobody vouches for.
// Threads: a pure function; one stream is used from one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/export.h"

namespace m3 {

// What stands at the front of some bytes.
struct Utf8Step {
  size_t bytes;  // of the character, or of the broken part; at least 1
  bool valid;    // a whole, well-formed character
  bool cut_off;  // not valid, but what is there could begin a character whose end is missing
};

// bytes must not be empty. Broken parts are as long as Unicode's recommended practice has them: the
// longest start of a well-formed character, else one byte (The Unicode Standard, section 3.9,
// "U+FFFD Substitution of Maximal Subparts").
M3_API Utf8Step utf8_step(std::string_view bytes) noexcept;

M3_API bool is_valid_utf8(std::string_view bytes) noexcept;

// Bytes that are not UTF-8 become U+FFFD, one for each maximal broken part (Unicode's recommended
// practice).
M3_API std::string to_valid_utf8(std::string_view bytes);

// Cuts a stream of bytes into whole UTF-8 characters: holds an incomplete tail back until it is
// complete.
class M3_API Utf8Stream {
 public:
  std::string push(std::string_view bytes);  // what is complete now, valid UTF-8
  std::string finish();                      // the rest; an incomplete tail becomes U+FFFD

 private:
  std::string tail_;  // at most three bytes
};

}  // namespace m3
