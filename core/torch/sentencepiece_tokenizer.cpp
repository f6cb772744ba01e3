#include "core/torch/sentencepiece_tokenizer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "core/model/special_tokens.h"

#ifdef M3_HAVE_SENTENCEPIECE
#include <sentencepiece_processor.h>

#include "core/model/in_quotes.h"
#include "core/model/mapped_file.h"
#endif

namespace m3 {

#ifdef M3_HAVE_SENTENCEPIECE
namespace {

using AddedTokens = std::vector<std::pair<std::string, int32_t>>;

constexpr std::string_view kMeta = "\u2581";  // stands for a space
constexpr int32_t kMostIds = 1 << 20;

std::unique_ptr<sentencepiece::SentencePieceProcessor> load(const std::string& path) {
  const auto file = MappedFile::open(path);
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const auto bytes = file->bytes();
  const auto status = processor->LoadFromSerializedProto(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!status.ok() || processor->GetPieceSize() < 1) {
    throw Error(ErrorCode::kCorrupt, path + ": is no model of sentencepiece");
  }
  return processor;
}

class SentencepieceTokenizer final : public Tokenizer {
 public:
  SentencepieceTokenizer(const std::string& path, const AddedTokens& added, bool adds_opening)
      : processor_(load(path)),
        specials_(specials_of(added)),
        vocabulary_(processor_->GetPieceSize()),
        adds_opening_(adds_opening && processor_->bos_id() >= 0) {
    for (const auto& [text, id] : added) {
      if (id < 0 || id >= kMostIds) {
        throw Error(ErrorCode::kCorrupt, path + ": the added token " + in_quotes(text) +
                                             " has the id " + std::to_string(id));
      }
      added_ids_.emplace(text, id);
      added_texts_.emplace(id, text);
      vocabulary_ = std::max(vocabulary_, id + 1);
    }
  }

  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    std::vector<int> part_ids;
    specials_.split(
        to_valid_utf8(text),
        [&](std::string_view plain) {
          const auto status = processor_->Encode({plain.data(), plain.size()}, &part_ids);
          if (!status.ok()) {
            throw Error(ErrorCode::kInternal, "sentencepiece: " + status.ToString());
          }
          ids.insert(ids.end(), part_ids.begin(), part_ids.end());
        },
        [&](int32_t id) { ids.push_back(id); });
    return ids;
  }

  std::string decode(const std::vector<int32_t>& ids) const override {
    std::string text;
    for (const int32_t id : ids) text += text_of(id);
    return text;
  }
  std::optional<int32_t> id_of(std::string_view token) const override {
    if (const auto found = added_ids_.find(std::string(token)); found != added_ids_.end())
      return found->second;
    const int id = processor_->PieceToId({token.data(), token.size()});
    if (id == processor_->unk_id() && token != processor_->IdToPiece(id)) return std::nullopt;
    return id;
  }
  int vocabulary() const noexcept override { return vocabulary_; }
  bool is_special(int32_t id) const noexcept override {
    return added_texts_.contains(id) || (is_piece(id) && processor_->IsControl(id));
  }
  std::vector<int32_t> opening_ids() const override {
    if (!adds_opening_) return {};
    return {processor_->bos_id()};
  }
  bool drops_first_space() const noexcept override { return true; }

 private:
  bool is_piece(int32_t id) const noexcept { return id >= 0 && id < processor_->GetPieceSize(); }

  SpecialTokens specials_of(const AddedTokens& added) const {
    AddedTokens tokens = added;
    for (int id = 0; id < processor_->GetPieceSize(); ++id) {
      if (processor_->IsControl(id) || processor_->IsUnknown(id))
        tokens.emplace_back(processor_->IdToPiece(id), id);
    }
    return SpecialTokens(std::move(tokens));
  }

  // One id's bytes: decoding ids one by one must give what decoding them together gives.
  std::string text_of(int32_t id) const {
    if (is_special(id) || !is_piece(id)) return {};
    const std::string& piece = processor_->IdToPiece(id);
    if (processor_->IsByte(id) && piece.size() == 6)
      return std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)));
    if (processor_->IsUnknown(id)) return {};
    std::string text;
    for (size_t at = 0; at < piece.size();) {
      const bool space = piece.compare(at, kMeta.size(), kMeta) == 0;
      text += space ? ' ' : piece[at];
      at += space ? kMeta.size() : 1;
    }
    return text;
  }

  const std::unique_ptr<const sentencepiece::SentencePieceProcessor> processor_;
  const SpecialTokens specials_;
  int vocabulary_;
  const bool adds_opening_;
  std::unordered_map<std::string, int32_t> added_ids_;
  std::unordered_map<int32_t, std::string> added_texts_;
};

}  // namespace

std::shared_ptr<const Tokenizer> open_sentencepiece_tokenizer(const std::string& path,
                                                              const AddedTokens& added,
                                                              bool adds_opening) {
  return std::make_shared<const SentencepieceTokenizer>(path, added, adds_opening);
}

bool reads_sentencepiece() noexcept { return true; }

#else

std::shared_ptr<const Tokenizer> open_sentencepiece_tokenizer(
    const std::string& path, const std::vector<std::pair<std::string, int32_t>>&, bool) {
  throw Error(ErrorCode::kUnsupported,
              path +
                  ": this build was made without sentencepiece and reads no tokenizer.model; "
                  "give a tokenizer.json beside it");
}

bool reads_sentencepiece() noexcept { return false; }

#endif

}  // namespace m3
