// uuid7: identifiers that sort by the time they were made (RFC 9562, version 7).
// Threads: safe from any thread.
#pragma once

#include <string>

#include "core/export.h"

namespace m3 {

// "018f4e5a-9c3b-7d2e-8a41-0c5b7e9f1234": milliseconds since 1970, then a counter that keeps
// identifiers of one process ascending within a millisecond, then random bits.
M3_API std::string uuid7();

}  // namespace m3
