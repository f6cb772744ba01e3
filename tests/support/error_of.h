// error_of: runs a piece of code that must throw m3::Error and hands the error back for EXPECTs on
// its code and text.
//
// Threads: a free function.
#pragma once

#include <stdexcept>

#include "core/error.h"

namespace m3::test {

// Throws std::logic_error, which fails the test, when nothing was thrown; any other exception
// passes through.
template <typename Code>
Error error_of(Code&& code) {
  try {
    code();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("no m3::Error was thrown");
}

}  // namespace m3::test
