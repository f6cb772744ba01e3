// Tokenizer: text to token ids and back, byte-level BPE (GPT-2's scheme, as SmolLM2 uses it). Any
// bytes can be encoded: bytes that are not UTF-8 become U+FFFD. Threads: immutable; safe from any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/export.h"
#include "core/model/utf8.h"  // a streamed answer needs Utf8Stream behind decode()

namespace m3 {

struct TokenizerData {
  std::vector<std::string> tokens;   // by id, in the byte-level alphabet
  std::vector<std::string> merges;   // "left right", best first
  std::vector<int32_t> special_ids;  // matched in the text before anything else, longest first
  std::string pre_tokenizer;         // GGUF's name of it: "smollm", "gpt-2"
};

class M3_API Tokenizer {
 public:
  virtual ~Tokenizer();

  virtual std::vector<int32_t> encode(std::string_view text) const = 0;
  // A text that stands behind other tokens of the same sequence, such as visual ones: some
  // tokenizers put a space in front of a sequence's first word only. Most make no difference.
  virtual std::vector<int32_t> encode_behind(std::string_view text) const { return encode(text); }
  // Special tokens are left out. May end in the middle of a character; see Utf8Stream.
  virtual std::string decode(const std::vector<int32_t>& ids) const = 0;
  virtual std::optional<int32_t> id_of(std::string_view token) const = 0;
  virtual int vocabulary() const noexcept = 0;
  virtual bool is_special(int32_t id) const noexcept = 0;
  // What the model's training put in front of every sequence; usually one token or none.
  virtual std::vector<int32_t> opening_ids() const { return {}; }
  // Whether words carry their space in front, so that a text's first space is not part of it.
  virtual bool drops_first_space() const noexcept { return false; }
};

// Throws kCorrupt (a merge of unknown tokens, an id out of range), kUnsupported (a pre-tokenizer
// not known).
M3_API std::shared_ptr<const Tokenizer> make_bpe_tokenizer(TokenizerData data);

// 256 byte tokens and the given special tokens behind them; for tiny models made on the spot.
M3_API std::shared_ptr<const Tokenizer> make_byte_tokenizer(
    const std::vector<std::string>& special_tokens);

}  // namespace m3
