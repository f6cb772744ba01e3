// A question of a measurement. Threads: a free function.
#pragma once

#include <string>

#include "core/engine.h"

namespace m3::bench {

inline Question question(const std::string& text, int max_new_tokens) {
  Question question;
  question.text = text;
  question.max_new_tokens = max_new_tokens;
  return question;
}

}  // namespace m3::bench
