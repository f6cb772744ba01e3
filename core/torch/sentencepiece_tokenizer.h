// The tokenizer of a tokenizer.model file, by the library sentencepiece. It is here and not in
// core/model because the library shows its own copy of protobuf to the whole process when a program
// links it, and to nobody else when this module is opened. Threads: a free function; the tokenizer
// is immutable.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/tokenizer.h"

namespace m3 {

// `added`: texts and ids of tokens beyond the file's own, found in a text before anything else, as
// are the file's control tokens. Each text between two of them is tokenised by itself, as the
// original LLaVA does it. Throws kNotFound, kCorrupt; kUnsupported in a build without the library.
std::shared_ptr<const Tokenizer> open_sentencepiece_tokenizer(
    const std::string& path, const std::vector<std::pair<std::string, int32_t>>& added,
    bool adds_opening);

// Whether this build has the library.
bool reads_sentencepiece() noexcept;

}  // namespace m3
