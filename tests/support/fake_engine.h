// What tests of the fake engine share: an engine with settings, tokens of a plain picture, a
// question.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/engine.h"
#include "tests/support/picture.h"

namespace m3::test {

inline constexpr int64_t kSecondNs = 1'000'000'000;

inline std::shared_ptr<Engine> fake(const std::string& settings = "") {
  return shared_engine({.model = "fake:" + settings});
}

// Tokens of a picture whose every luma byte is `luma`, pooled to `scale`.
inline Tokens tokens_of(Engine& engine, int luma, int scale = 144) {
  const Picture picture = Picture(PixelFormat::kI420, 64, 48).fill_luma(luma);
  return engine.encode({picture.view(), 144}).get().pool_to(scale);
}

inline Question question(const std::string& text = "What?") {
  Question question;
  question.text = text;
  return question;
}

}  // namespace m3::test
