// in_quotes(): a name from a file, made fit for a one-line error.
// Threads: a pure function.
#pragma once

#include <string>
#include <string_view>

#include "core/export.h"

namespace m3 {

// In double quotes, valid UTF-8, control characters as '?', cut after 80 bytes.
M3_API std::string in_quotes(std::string_view name);

}  // namespace m3
