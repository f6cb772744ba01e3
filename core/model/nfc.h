// Unicode's normal form C: composed characters, as tokenizers of the Qwen family expect them.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/export.h"

namespace m3 {

// Whether this build has what does it.
M3_API bool has_nfc();

// `text` must be valid UTF-8. In a build without utf8proc it comes back as it is.
M3_API std::string to_nfc(std::string_view text);

}  // namespace m3
