// SmolLM2's tokenizer against ids from Hugging Face's library (tests/golden/make_smollm_tokens.py).
// Needs the default model's base weights, because the vocabulary is theirs.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/model/gguf_tokenizer.h"
#include "core/model/model_config.h"

namespace m3 {
namespace {

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(SmolLmTokens, AreThoseOfTheReference) {
  std::string path;
  try {
    const ModelConfig config = read_model_config(M3_SHIPPED_MODELS_DIR "/default");
    path = find_base_file(config, *config.llm_file);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    GTEST_SKIP() << error.what();
  }
  const auto tokenizer = make_tokenizer(Gguf::open(path));
  std::ifstream lines(M3_GOLDEN_DIR "/smollm_tokens.jsonl");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto golden = nlohmann::json::parse(line);
    const std::string text =
        golden.contains("hex") ? bytes_of_hex(golden["hex"]) : golden["text"].get<std::string>();
    EXPECT_EQ(tokenizer->encode(text), golden["ids"].get<std::vector<int32_t>>()) << line;
  }
  EXPECT_EQ(count, 547);
}

}  // namespace
}  // namespace m3
