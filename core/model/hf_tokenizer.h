// The tokenizer that a tokenizer.json describes. Threads: a pure function.
#pragma once

#include <memory>
#include <string>

#include "core/export.h"
#include "core/model/hf_tokenizer_file.h"
#include "core/model/tokenizer.h"

namespace m3 {

// Throws kCorrupt: an id that stands twice, a merge of tokens that are not there, a pattern that is
// no regular expression. `path` is named in errors.
M3_API std::shared_ptr<const Tokenizer> make_hf_tokenizer(HfTokenizerData data,
                                                          const std::string& path);

// The same from the file. Throws what read_hf_tokenizer() throws, too.
M3_API std::shared_ptr<const Tokenizer> open_hf_tokenizer(const std::string& path);

}  // namespace m3
