// The border between libtorch and the rest: whatever libtorch throws leaves this folder as
// m3::Error with the short text and without a backtrace. Threads: free functions, safe from any
// thread.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace m3 {

// To be called while an exception is being handled: rethrows an m3::Error as it is and anything
// else as one that opens with `doing` ("running the vision tower").
[[noreturn]] void rethrow_as_error(std::string_view doing);

// The exception in flight as rethrow_as_error() would throw it.
std::exception_ptr current_error(std::string_view doing) noexcept;

// Its text.
std::string text_of_current(std::string_view doing);

// Runs `body`, letting nothing but m3::Error out.
template <typename Body>
decltype(auto) at_border(std::string_view doing, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    rethrow_as_error(doing);
  }
}

}  // namespace m3
