#include "core/model/gguf_tokenizer.h"

#include <string>

#include "core/error.h"
#include "core/model/in_quotes.h"

namespace m3 {
namespace {
constexpr int64_t kControlToken = 3;  // of tokenizer.ggml.token_type
}

TokenizerData tokenizer_data(const Gguf& gguf) {
  const std::string model = gguf.text("tokenizer.ggml.model");
  if (model != "gpt2") {
    throw Error(ErrorCode::kUnsupported, gguf.path() + ": tokenizer " + in_quotes(model) +
                                             " is not known; \"gpt2\" (byte-level BPE) is");
  }
  TokenizerData data;
  data.tokens = gguf.texts("tokenizer.ggml.tokens");
  data.merges = gguf.texts("tokenizer.ggml.merges");
  data.pre_tokenizer = gguf.text("tokenizer.ggml.pre");
  const std::vector<int64_t> types = gguf.integers("tokenizer.ggml.token_type");
  if (types.size() != data.tokens.size()) {
    throw Error(ErrorCode::kCorrupt, gguf.path() + ": " + std::to_string(types.size()) +
                                         " token types for " + std::to_string(data.tokens.size()) +
                                         " tokens");
  }
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] == kControlToken) data.special_ids.push_back(static_cast<int32_t>(id));
  }
  return data;
}

std::shared_ptr<const Tokenizer> make_tokenizer(const Gguf& gguf) {
  try {
    return make_bpe_tokenizer(tokenizer_data(gguf));
  } catch (const Error& error) {
    const std::string text = error.what();
    throw text.starts_with(gguf.path()) ? error : Error(error.code(), gguf.path() + ": " + text);
  }
}

}  // namespace m3
