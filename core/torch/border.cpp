#include "core/torch/border.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <functional>
#include <new>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/torch/memory_advice.h"

namespace m3 {
namespace {

constexpr char kMemoryAdvice[] =
    "a smaller window, a smaller dtype (bfloat16) or a smaller model needs less";

thread_local std::function<std::string()> advice_here;

[[noreturn]] void throw_out_of_memory(const std::string& opening) {
  std::string advice = kMemoryAdvice;
  try {
    if (advice_here) advice = advice_here();
  } catch (...) {
    // General advice must do.
  }
  throw Error(ErrorCode::kOutOfMemory, opening + "not enough memory; " + advice);
}

// First line only: libtorch's texts go on with hints for its developers.
std::string first_line(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), text.size())));
}

}  // namespace

void advise_on_memory(std::function<std::string()> advice) { advice_here = std::move(advice); }

void rethrow_as_error(std::string_view doing) {
  const std::string opening = std::string(doing) + ": ";
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError&) {
    throw_out_of_memory(opening);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    // The CPU allocator reports through the general exception.
    if (text.find("can't allocate memory") != std::string::npos) {
      throw_out_of_memory(opening);
    }
    throw Error(ErrorCode::kDevice, opening + first_line(text));
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(opening);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kInternal, opening + first_line(error.what()));
  }
}

std::exception_ptr current_error(std::string_view doing) noexcept {
  try {
    rethrow_as_error(doing);
  } catch (...) {
    return std::current_exception();
  }
}

std::string text_of_current(std::string_view doing) {
  try {
    rethrow_as_error(doing);
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace m3
