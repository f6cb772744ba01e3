// Error: the one exception that core throws. Its text is one line for a person: what failed, where,
// what to do. Threads: a value; safe anywhere.
#pragma once

#include <stdexcept>
#include <string>

#include "core/export.h"

namespace m3 {

enum class ErrorCode {
  kInvalidArgument,  // a value the caller gave is out of range or malformed
  kNotFound,         // a file, model, device or module is not there
  kCorrupt,          // a file's content contradicts itself or its format
  kUnsupported,      // well-formed, but not something this build can do
  kOutOfMemory,      // host or device memory did not suffice
  kDevice,           // the compute device failed
  kMismatch,         // two parts do not belong together (model, layout version, library version)
  kCancelled,        // the caller asked to stop
  kInternal,         // numbers that cannot be (NaN in logits); our own bugs use assert
};

class M3_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ~Error() override;

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace m3
