// A tokenizer.json of Hugging Face's tokenizers library, read and checked: byte pair encoding, over
// characters with "▁" for spaces (the Llama 2 family) or over bytes (GPT-2's scheme: Llama 3,
// Qwen2). Threads: a value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/export.h"

namespace m3 {

struct HfTokenizerData {
  struct Token {
    std::string text;
    int32_t id = 0;
    bool special = false;      // left out of decoded text
    bool takes_left = false;   // spaces before it are part of it
    bool takes_right = false;  // and behind it
  };
  // One step of a normalizer: every `from` becomes `to`; an empty `from` puts `to` in front.
  struct Replacement {
    std::string from;
    std::string to;
  };
  // How a text that lies between added tokens is cut into words.
  struct Cut {
    enum class Kind {
      kPattern,  // matches and what is between them, each a word
      kDigits,   // each digit a word of its own
    };
    Kind kind = Kind::kPattern;
    std::string pattern;  // a regular expression as PCRE2 reads it
  };
  enum class Prefix { kNever, kFirst, kAlways };  // "▁" in front of a text

  std::vector<std::pair<std::string, int32_t>> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;  // best first
  std::vector<Token> added;                                 // found in a text before anything else
  std::vector<Replacement> normalizer;
  std::vector<Cut> cuts;
  Prefix metaspace = Prefix::kNever;
  bool composes = false;          // text is brought to normal form C before the normalizer
  bool uses_metaspace = false;    // spaces become "▁" after the normalizer
  bool splits_metaspace = false;  // words begin at each "▁"
  bool byte_level = false;        // words are turned into the byte-level alphabet
  bool byte_fallback = false;     // characters without a token become tokens of their bytes
  bool ignores_merges = false;    // a word that is a token is that token
  bool fuses_unknown = false;
  std::string unknown;               // the token for what has none; empty: it is left out
  std::vector<int32_t> opening_ids;  // in front of every sequence
};

// Throws kNotFound, kCorrupt (naming the file and the key), kUnsupported for a kind of tokenizer
// that this build does not know. tokenizer_config.json beside it is read for add_bos_token.
M3_API HfTokenizerData read_hf_tokenizer(const std::string& path);

}  // namespace m3
