// A text's token ids by a model's own tokenizer.
// Threads: a free function.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"

namespace m3::inspect {

// Reads the tokenizer alone where a file holds it, else opens the model. Throws Error.
std::vector<int32_t> tokenize(const EngineOptions& options, const std::string& text,
                              std::stop_token stop);

}  // namespace m3::inspect
