// StopStrings: finds the first of several texts in a stream of pieces and holds back what may still
// become one. Threads: one answer's matcher is used from one thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/export.h"

namespace m3 {

class M3_API StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops);  // empty texts are ignored

  // What may be shown now. After a stop was found: nothing more.
  std::string push(std::string_view piece);
  bool found() const noexcept { return found_; }
  // The text held back, when the stream ends without a stop.
  std::string finish();

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool found_ = false;
};

}  // namespace m3
