#include "core/torch/llava_tokenizer.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/model/hf_tokenizer.h"
#include "core/model/json_file.h"
#include "core/torch/sentencepiece_tokenizer.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

constexpr int kMostIds = 1 << 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

struct Additions {
  std::vector<std::pair<std::string, int32_t>> tokens;
  bool opening = true;
};

// tokenizer_config.json has the ids as keys, added_tokens.json the texts.
Additions read_additions(const fs::path& folder) {
  Additions additions;
  if (const fs::path file = folder / "added_tokens.json"; is_there(file)) {
    JsonObject added = JsonObject::read(file.string());
    for (const std::string& text : added.keys()) {
      additions.tokens.emplace_back(text,
                                    static_cast<int32_t>(added.integer(text, 0, kMostIds - 1)));
    }
  }
  const fs::path file = folder / "tokenizer_config.json";
  if (!is_there(file)) return additions;
  JsonObject config = JsonObject::read(file.string());
  if (config.has_value("add_bos_token")) additions.opening = config.boolean("add_bos_token");
  if (!config.has_value("added_tokens_decoder") || !additions.tokens.empty()) return additions;
  JsonObject decoder = config.object("added_tokens_decoder");
  for (const std::string& id : decoder.keys()) {
    const long number = std::strtol(id.c_str(), nullptr, 10);
    if (id != std::to_string(number) || number < 0 || number >= kMostIds)
      decoder.fail(id, "is no token id");
    additions.tokens.emplace_back(decoder.object(id).text("content"), static_cast<int32_t>(number));
  }
  return additions;
}

}  // namespace

std::shared_ptr<const Tokenizer> open_llava_tokenizer(const std::string& folder) {
  const fs::path path = folder;
  if (const fs::path file = path / "tokenizer.json"; is_there(file))
    return open_hf_tokenizer(file.string());
  if (const fs::path file = path / "tokenizer.model"; is_there(file)) {
    const Additions additions = read_additions(path);
    return open_sentencepiece_tokenizer(file.string(), additions.tokens, additions.opening);
  }
  throw Error(ErrorCode::kNotFound,
              folder + ": holds neither tokenizer.json nor tokenizer.model; one of them is needed");
}

}  // namespace m3
