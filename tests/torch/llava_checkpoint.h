// The checkpoints that tests/golden/make_llava.py makes.
#pragma once

#include <filesystem>
#include <string>

#include "core/torch/sentencepiece_tokenizer.h"

namespace m3::test {

inline std::string llava_checkpoint(const std::string& name) {
  return std::string(M3_GOLDEN_DIR) + "/llava/" + name;
}

// Whether this build reads its tokenizer: a bare machine has no sentencepiece.
inline bool is_readable(const std::string& checkpoint) {
  return reads_sentencepiece() || std::filesystem::exists(checkpoint + "/tokenizer.json");
}

inline constexpr char kNeedsSentencepiece[] = "this build was made without sentencepiece";

}  // namespace m3::test
