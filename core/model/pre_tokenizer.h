// The cuts that byte-level BPE makes first, by their names in model files: words, digits,
// punctuation, spaces. Threads: any.
#pragma once

#include <string>

#include "core/model/word_pattern.h"

namespace m3 {

// name: "gpt-2", or "smollm" (each digit a piece of its own, then GPT-2's rule between them).
// Throws kUnsupported.
WordPattern pre_tokenizer(const std::string& name);

}  // namespace m3
