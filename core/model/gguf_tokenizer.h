// The tokenizer that a GGUF file carries in its metadata.
// Threads: pure functions.
#pragma once

#include <memory>

#include "core/export.h"
#include "core/model/gguf.h"
#include "core/model/tokenizer.h"

namespace m3 {

// Vocabulary, merges, control tokens and the name of the pre-tokenizer. Throws kCorrupt (naming the
// file), kUnsupported for another kind than byte-level BPE.
M3_API TokenizerData tokenizer_data(const Gguf& gguf);

// make_bpe_tokenizer() of it; errors name the file.
M3_API std::shared_ptr<const Tokenizer> make_tokenizer(const Gguf& gguf);

}  // namespace m3
