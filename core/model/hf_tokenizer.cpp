#include "core/model/hf_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/model/bpe_merges.h"
#include "core/model/byte_alphabet.h"
#include "core/model/in_quotes.h"
#include "core/model/nfc.h"
#include "core/model/special_tokens.h"
#include "core/model/word_pattern.h"

namespace m3 {
namespace {

using Data = HfTokenizerData;

constexpr std::string_view kMeta = "\u2581";  // stands for a space
constexpr int32_t kNoToken = -1;

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  size_t begin = 0;
  for (size_t at; (at = text.find(from, begin)) != std::string_view::npos;
       begin = at + from.size()) {
    result.append(text.substr(begin, at - begin)).append(to);
  }
  return result.append(text.substr(begin));
}

// "<0x41>" for 'A'.
std::string byte_token(int byte) {
  char text[8];
  std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
  return text;
}

class HfTokenizer final : public Tokenizer {
 public:
  HfTokenizer(Data data, std::string path)
      : data_(std::move(data)),
        path_(std::move(path)),
        added_(texts_of(data_.added)),
        merges_(data_.merges.size()) {
    for (const auto& [text, id] : data_.vocabulary) place(text, id);
    for (const Data::Token& token : data_.added) place_added(token);
    for (int byte = 0; byte < 256; ++byte) {
      const char one = static_cast<char>(byte);
      byte_ids_[static_cast<size_t>(byte)] =
          find(data_.byte_level ? alphabet_of({&one, 1}) : byte_token(byte));
    }
    std::string both;
    for (const auto& [left, right] : data_.merges) {
      const int32_t merged = find(both.assign(left).append(right));
      if (find(left) == kNoToken || find(right) == kNoToken || merged == kNoToken)
        fail("merge " + in_quotes(both.assign(left).append(" ").append(right)) +
             " has a token that is not there");
      merges_.add(find(left), find(right), merged);
    }
    for (const Data::Cut& cut : data_.cuts) {
      cuts_.emplace_back(cut.kind == Data::Cut::Kind::kDigits ? "\\p{N}" : cut.pattern, path_);
    }
    unknown_ = data_.unknown.empty() ? kNoToken : find(data_.unknown);
    make_bytes();
  }

  std::vector<int32_t> encode(std::string_view text) const override { return encode(text, true); }
  std::vector<int32_t> encode_behind(std::string_view text) const override {
    return encode(text, false);
  }

  std::string decode(const std::vector<int32_t>& ids) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (id >= 0 && static_cast<size_t>(id) < bytes_.size())
        text += bytes_[static_cast<size_t>(id)];
    }
    return text;
  }
  std::optional<int32_t> id_of(std::string_view token) const override {
    const int32_t id = find(token);
    return id == kNoToken ? std::nullopt : std::optional(id);
  }
  int vocabulary() const noexcept override { return static_cast<int>(texts_.size()); }
  bool is_special(int32_t id) const noexcept override {
    return id >= 0 && static_cast<size_t>(id) < special_.size() &&
           special_[static_cast<size_t>(id)];
  }
  std::vector<int32_t> opening_ids() const override { return data_.opening_ids; }
  bool drops_first_space() const noexcept override { return !data_.byte_level; }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt, path_ + ": " + what);
  }

  static std::vector<std::pair<std::string, int32_t>> texts_of(
      const std::vector<Data::Token>& tokens) {
    std::vector<std::pair<std::string, int32_t>> texts;
    texts.reserve(tokens.size());
    for (const Data::Token& token : tokens) texts.emplace_back(token.text, token.id);
    return texts;
  }

  void place(const std::string& text, int32_t id) {
    const size_t index = static_cast<size_t>(id);
    if (index >= texts_.size()) {
      texts_.resize(index + 1);
      special_.resize(index + 1);
    }
    if (!ids_.emplace(text, id).second || !texts_[index].empty())
      fail("token " + in_quotes(text) + " or its id " + std::to_string(id) + " is there twice");
    texts_[index] = text;
  }

  void place_added(const Data::Token& token) {
    const int32_t known = find(token.text);
    if (known == kNoToken) {
      place(token.text, token.id);
    } else if (known != token.id) {
      fail("the added token " + in_quotes(token.text) + " has another id in the vocabulary");
    }
    special_[static_cast<size_t>(token.id)] = token.special;
    plain_.insert({token.id, &token});
  }

  int32_t find(std::string_view text) const {
    const auto found = ids_.find(std::string(text));
    return found == ids_.end() ? kNoToken : found->second;
  }

  // What each id adds to a text.
  void make_bytes() {
    bytes_.resize(texts_.size());
    for (size_t id = 0; id < texts_.size(); ++id) {
      const std::string& text = texts_[id];
      if (special_[id]) continue;
      if (plain_.contains(static_cast<int32_t>(id))) {
        bytes_[id] = text;
      } else if (data_.byte_level) {
        const auto bytes = bytes_of_alphabet(text);
        bytes_[id] = bytes ? *bytes : text;
      } else {
        bytes_[id] = replaced(text, kMeta, " ");
      }
    }
    if (data_.byte_level || !data_.byte_fallback) return;
    for (size_t byte = 0; byte < 256; ++byte) {
      if (byte_ids_[byte] != kNoToken)
        bytes_[static_cast<size_t>(byte_ids_[byte])] = std::string(1, static_cast<char>(byte));
    }
  }

  std::vector<int32_t> encode(std::string_view text, bool begins) const {
    const std::string valid = to_valid_utf8(text);
    std::vector<int32_t> ids;
    bool strip_left = false;  // the token before takes the spaces behind it
    std::string held;         // a text whose right neighbour is not known yet
    bool is_first = begins;
    const auto flush = [&](bool strip_right) {
      std::string_view part = held;
      if (strip_left) part.remove_prefix(std::min(part.find_first_not_of(" \t\r\n"), part.size()));
      if (strip_right) part = part.substr(0, part.find_last_not_of(" \t\r\n") + 1);
      if (!part.empty()) encode_part(part, is_first, ids);
      if (!held.empty()) is_first = false;
      held.clear();
    };
    added_.split(
        valid, [&](std::string_view plain) { held = plain; },
        [&](int32_t id) {
          const Data::Token& token = *plain_.at(id);
          flush(token.takes_left);
          ids.push_back(id);
          strip_left = token.takes_right;
          is_first = false;
        });
    flush(false);
    return ids;
  }

  // A text between added tokens.
  void encode_part(std::string_view part, bool is_first, std::vector<int32_t>& ids) const {
    std::string text = data_.composes ? to_nfc(part) : std::string(part);
    for (const auto& [from, to] : data_.normalizer) {
      if (from.empty()) {
        text.insert(0, to);
      } else {
        text = replaced(text, from, to);
      }
    }
    if (data_.uses_metaspace) {
      text = replaced(text, " ", kMeta);
      const bool wanted = data_.metaspace == Data::Prefix::kAlways ||
                          (data_.metaspace == Data::Prefix::kFirst && is_first);
      if (wanted && !text.starts_with(kMeta)) text.insert(0, kMeta);
    }
    cut(text, 0, ids);
  }

  // Words by the steps from `step` on, one within the other.
  void cut(std::string_view text, size_t step, std::vector<int32_t>& ids) const {
    if (step < cuts_.size()) {
      cuts_[step].cut(text, [&](std::string_view word) { cut(word, step + 1, ids); });
      return;
    }
    if (!data_.splits_metaspace) return encode_word(text, ids);
    while (!text.empty()) {
      const size_t end = std::min(text.find(kMeta, kMeta.size()), text.size());
      encode_word(text.substr(0, end), ids);
      text.remove_prefix(end);
    }
  }

  std::string alphabet_of(std::string_view bytes) const {
    static const std::array<std::string, 256> alphabet = byte_alphabet();
    std::string text;
    for (const char c : bytes) text += alphabet[static_cast<unsigned char>(c)];
    return text;
  }

  void encode_word(std::string_view word, std::vector<int32_t>& ids) const {
    if (data_.ignores_merges) {
      const int32_t id = find(data_.byte_level ? alphabet_of(word) : std::string(word));
      if (id != kNoToken) return ids.push_back(id);
    }
    std::vector<int32_t> pieces;
    for (size_t at = 0; at < word.size();) {
      const size_t bytes = data_.byte_level ? 1 : utf8_step(word.substr(at)).bytes;
      add_symbol(word.substr(at, bytes), pieces);
      at += bytes;
    }
    merges_.apply(pieces);
    ids.insert(ids.end(), pieces.begin(), pieces.end());
  }

  // One character, or one byte.
  void add_symbol(std::string_view symbol, std::vector<int32_t>& pieces) const {
    if (data_.byte_level) {
      const int32_t id = byte_ids_[static_cast<unsigned char>(symbol[0])];
      if (id != kNoToken) pieces.push_back(id);
      return;
    }
    if (const int32_t id = find(symbol); id != kNoToken) return pieces.push_back(id);
    const auto id_of_byte = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
    const bool bytes =
        data_.byte_fallback && std::all_of(symbol.begin(), symbol.end(),
                                           [&](char c) { return id_of_byte(c) != kNoToken; });
    if (bytes) {
      for (const char c : symbol) pieces.push_back(id_of_byte(c));
    } else if (unknown_ != kNoToken &&
               !(data_.fuses_unknown && !pieces.empty() && pieces.back() == unknown_)) {
      pieces.push_back(unknown_);
    }
  }

  const Data data_;
  const std::string path_;
  const SpecialTokens added_;
  BpeMerges merges_;
  std::vector<WordPattern> cuts_;
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<int32_t, const Data::Token*> plain_;  // added tokens by id
  std::vector<std::string> texts_;                         // by id
  std::vector<bool> special_;                              // by id
  std::vector<std::string> bytes_;                         // by id: what decode() gives
  std::array<int32_t, 256> byte_ids_{};
  int32_t unknown_ = kNoToken;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_hf_tokenizer(HfTokenizerData data, const std::string& path) {
  return std::make_shared<const HfTokenizer>(std::move(data), path);
}

std::shared_ptr<const Tokenizer> open_hf_tokenizer(const std::string& path) {
  return make_hf_tokenizer(read_hf_tokenizer(path), path);
}

}  // namespace m3
