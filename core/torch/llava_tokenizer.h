// The tokenizer of a model folder in Hugging Face's layout. Threads: a free function.
#pragma once

#include <memory>
#include <string>

#include "core/model/tokenizer.h"

namespace m3 {

// tokenizer.json where it is there, as the library takes it, else tokenizer.model with the tokens
// of added_tokens.json or tokenizer_config.json. Throws kNotFound, kCorrupt, kUnsupported.
std::shared_ptr<const Tokenizer> open_llava_tokenizer(const std::string& folder);

}  // namespace m3
