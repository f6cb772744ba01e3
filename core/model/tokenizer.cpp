#include "core/model/tokenizer.h"

#include <array>
#include <functional>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/model/bpe_merges.h"
#include "core/model/byte_alphabet.h"
#include "core/model/in_quotes.h"
#include "core/model/pre_tokenizer.h"
#include "core/model/special_tokens.h"

namespace m3 {
namespace {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};
using IdByText = std::unordered_map<std::string, int32_t, TextHash, std::equal_to<>>;

// What both kinds share: every id has a text, some are special.
class Vocabulary {
 public:
  Vocabulary(std::vector<std::string> texts, const std::vector<int32_t>& special_ids)
      : texts_(std::move(texts)), special_(texts_.size()), specials_(mark(special_ids)) {
    ids_.reserve(texts_.size());
    for (size_t id = 0; id < texts_.size(); ++id) {
      if (!special_[id]) ids_.insert_or_assign(texts_[id], static_cast<int32_t>(id));
    }
    // A special token's text means that token, even when another one has the same.
    for (const int32_t id : special_ids) ids_.insert_or_assign(texts_[static_cast<size_t>(id)], id);
  }

  int size() const noexcept { return static_cast<int>(texts_.size()); }
  const SpecialTokens& specials() const noexcept { return specials_; }
  bool is_special(int32_t id) const noexcept {
    return id >= 0 && static_cast<size_t>(id) < special_.size() &&
           special_[static_cast<size_t>(id)];
  }
  std::optional<int32_t> id_of(std::string_view text) const {
    const auto found = ids_.find(text);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  std::string decode(const std::vector<int32_t>& ids) const {
    std::string text;
    for (const int32_t id : ids) {
      const bool known = id >= 0 && static_cast<size_t>(id) < texts_.size();
      if (known && !special_[static_cast<size_t>(id)]) text += texts_[static_cast<size_t>(id)];
    }
    return text;
  }

 private:
  SpecialTokens mark(const std::vector<int32_t>& special_ids) {
    std::vector<std::pair<std::string, int32_t>> tokens;
    for (const int32_t id : special_ids) {
      if (id < 0 || static_cast<size_t>(id) >= texts_.size()) {
        throw Error(ErrorCode::kCorrupt, "tokenizer: special token " + std::to_string(id) +
                                             " is not in the vocabulary of " +
                                             std::to_string(texts_.size()));
      }
      special_[static_cast<size_t>(id)] = true;
      tokens.emplace_back(texts_[static_cast<size_t>(id)], id);
    }
    return SpecialTokens(std::move(tokens));
  }

  std::vector<std::string> texts_;  // by id, as bytes
  std::vector<bool> special_;       // by id
  SpecialTokens specials_;
  IdByText ids_;
};

// What both kinds do alike: special tokens are found first, then plain text between them.
class PlainTokenizer : public Tokenizer {
 public:
  PlainTokenizer(std::vector<std::string> texts, const std::vector<int32_t>& special_ids)
      : vocabulary_(std::move(texts), special_ids) {}

  std::vector<int32_t> encode(std::string_view text) const final {
    std::vector<int32_t> ids;
    vocabulary_.specials().split(
        to_valid_utf8(text), [&](std::string_view plain) { add_plain(plain, ids); },
        [&](int32_t id) { ids.push_back(id); });
    return ids;
  }
  std::string decode(const std::vector<int32_t>& ids) const final {
    return vocabulary_.decode(ids);
  }
  std::optional<int32_t> id_of(std::string_view token) const final {
    return vocabulary_.id_of(token);
  }
  int vocabulary() const noexcept final { return vocabulary_.size(); }
  bool is_special(int32_t id) const noexcept final { return vocabulary_.is_special(id); }

 private:
  // Adds the ids of text without special tokens, valid UTF-8.
  virtual void add_plain(std::string_view plain, std::vector<int32_t>& ids) const = 0;

  const Vocabulary vocabulary_;
};

class BpeTokenizer final : public PlainTokenizer {
 public:
  explicit BpeTokenizer(TokenizerData data)
      : PlainTokenizer(as_bytes(std::move(data.tokens), data.special_ids), data.special_ids),
        merges_(data.merges.size()),
        pre_tokenizer_(pre_tokenizer(data.pre_tokenizer)) {
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      byte_ids_[static_cast<size_t>(byte)] = id_of({&c, 1}).value_or(kNoToken);
    }
    for (const std::string& merge : data.merges) add_merge(merge);
  }

 private:
  static constexpr int32_t kNoToken = -1;

  void add_plain(std::string_view plain, std::vector<int32_t>& ids) const override {
    std::vector<int32_t> piece_ids;
    pre_tokenizer_.cut(plain, [&](std::string_view piece) {
      piece_ids.clear();
      for (const char c : piece) {
        // A vocabulary need not have a token for every byte; such a byte is left out, as the
        // models' training did.
        const int32_t id = byte_ids_[static_cast<unsigned char>(c)];
        if (id != kNoToken) piece_ids.push_back(id);
      }
      merges_.apply(piece_ids);
      ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
    });
  }

  // Special tokens are written as they are, all others in the byte-level alphabet.
  static std::vector<std::string> as_bytes(std::vector<std::string> tokens,
                                           const std::vector<int32_t>& special_ids) {
    std::vector<bool> special(tokens.size());
    for (const int32_t id : special_ids) {
      if (id >= 0 && static_cast<size_t>(id) < tokens.size())
        special[static_cast<size_t>(id)] = true;
    }
    for (size_t id = 0; id < tokens.size(); ++id) {
      if (!is_valid_utf8(tokens[id])) {
        throw Error(ErrorCode::kCorrupt,
                    "tokenizer: token " + std::to_string(id) + " is not UTF-8");
      }
      if (special[id]) continue;
      if (auto bytes = bytes_of_alphabet(tokens[id])) tokens[id] = std::move(*bytes);
    }
    return tokens;
  }

  void add_merge(const std::string& merge) {
    const auto fail = [&](const char* what) {
      throw Error(ErrorCode::kCorrupt, "tokenizer: merge " + in_quotes(merge) + " " + what);
    };
    const size_t space = merge.find(' ');
    if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos)
      fail("is no pair of tokens");
    const auto left =
        is_valid_utf8(merge) ? bytes_of_alphabet({merge.data(), space}) : std::nullopt;
    const auto right =
        left ? bytes_of_alphabet(std::string_view(merge).substr(space + 1)) : std::nullopt;
    const auto id = [&](const std::string& text) { return id_of(text); };
    if (!left || !right || !id(*left) || !id(*right) || !id(*left + *right)) {
      fail("has a token that is not in the vocabulary");
    }
    merges_.add(*id(*left), *id(*right), *id(*left + *right));
  }

  BpeMerges merges_;
  WordPattern pre_tokenizer_;
  std::array<int32_t, 256> byte_ids_{};
};

class ByteTokenizer final : public PlainTokenizer {
 public:
  explicit ByteTokenizer(const std::vector<std::string>& special_tokens)
      : PlainTokenizer(texts(special_tokens), special_ids(special_tokens.size())) {}

 private:
  static constexpr int kBytes = 256;

  void add_plain(std::string_view plain, std::vector<int32_t>& ids) const override {
    for (const char c : plain) ids.push_back(static_cast<unsigned char>(c));
  }
  static std::vector<std::string> texts(const std::vector<std::string>& special_tokens) {
    std::vector<std::string> texts;
    texts.reserve(kBytes + special_tokens.size());
    for (int byte = 0; byte < kBytes; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    texts.insert(texts.end(), special_tokens.begin(), special_tokens.end());
    return texts;
  }
  static std::vector<int32_t> special_ids(size_t count) {
    std::vector<int32_t> ids(count);
    std::iota(ids.begin(), ids.end(), kBytes);
    return ids;
  }
};

}  // namespace

Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(TokenizerData data) {
  return std::make_shared<const BpeTokenizer>(std::move(data));
}

std::shared_ptr<const Tokenizer> make_byte_tokenizer(
    const std::vector<std::string>& special_tokens) {
  return std::make_shared<const ByteTokenizer>(special_tokens);
}

}  // namespace m3
