#include "core/model/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/model/gguf_tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/file_of.h"
#include "tests/support/gguf_builder.h"

namespace m3 {
namespace {

using test::error_of;
using Ids = std::vector<int32_t>;

// Every byte, "<|end|>" and "<|end|>>", and merges that build "low", "lower" and " low".
//   0..255 bytes, 256.. what merges make, in order, then the special tokens.
TokenizerData tiny() {
  TokenizerData data;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    static constexpr int kStandIns = 0x100;
    static int next = 0;
    if (byte == 0) next = 0;
    const int character = printable ? byte : kStandIns + next++;
    std::string text;
    if (character < 0x80) {
      text = static_cast<char>(character);
    } else {
      text = {static_cast<char>(0xc0 | character >> 6),
              static_cast<char>(0x80 | (character & 0x3f))};
    }
    data.tokens.push_back(text);
  }
  data.merges = {"l o", "e r", "lo w", "low er", "Ġ low", "Ġ Ġ", "1 2", "a a", "aa aa", "Ã ©"};
  for (const std::string& merge : data.merges) {
    std::string token = merge;
    token.erase(token.find(' '), 1);
    data.tokens.push_back(token);
  }
  data.special_ids = {static_cast<int32_t>(data.tokens.size()),
                      static_cast<int32_t>(data.tokens.size()) + 1};
  data.tokens.insert(data.tokens.end(), {"<|end|>", "<|end|>>"});
  data.pre_tokenizer = "smollm";
  return data;
}
constexpr int32_t kLo = 256, kEr = 257, kLow = 258, kLower = 259, kSpaceLow = 260, kTwoSpaces = 261,
                  kTwelve = 262, kTwoA = 263, kFourA = 264, kEAcute = 265, kEnd = 266,
                  kLongEnd = 267;

Ids encode(std::string_view text, const char* pre_tokenizer = "smollm") {
  TokenizerData data = tiny();
  data.pre_tokenizer = pre_tokenizer;
  return make_bpe_tokenizer(std::move(data))->encode(text);
}

TEST(BpeTokenizer, MergesTheBestPairFirst) {
  EXPECT_EQ(encode(""), Ids{});
  EXPECT_EQ(encode("low"), Ids{kLow});
  EXPECT_EQ(encode("lower"), Ids{kLower});
  EXPECT_EQ(encode("lowe"), (Ids{kLow, 'e'}));
  EXPECT_EQ(encode("ero"), (Ids{kEr, 'o'}));
  EXPECT_EQ(encode("loer"), (Ids{kLo, kEr}));
}

TEST(BpeTokenizer, OfEqualPairsTheLeftmostIsMergedFirst) {
  EXPECT_EQ(encode("aaa"), (Ids{kTwoA, 'a'}));
  EXPECT_EQ(encode("aaaaaaa"), (Ids{kFourA, kTwoA, 'a'}));
}

TEST(BpeTokenizer, LongPiecesMergeAsShortOnes) {
  // Pieces of up to 24 bytes and longer ones take different ways.
  for (size_t length = 1; length < 100; ++length) {
    Ids expected(length / 4, kFourA);
    if (length % 4 >= 2) expected.push_back(kTwoA);
    if (length % 2 == 1) expected.push_back('a');
    ASSERT_EQ(encode(std::string(length, 'a')), expected) << length;
  }
  std::string text;
  Ids expected;
  for (int i = 0; i < 30; ++i) {
    text += "lowerlox";
    expected.insert(expected.end(), {kLower, kLo, 'x'});
    ASSERT_EQ(encode(text), expected) << i;
  }
}

TEST(BpeTokenizer, CutsDigitsSinglyOrTogetherAsThePreTokenizerSays) {
  EXPECT_EQ(encode("12", "smollm"), (Ids{'1', '2'}));
  EXPECT_EQ(encode("12", "gpt-2"), Ids{kTwelve});
  // Before a digit all spaces stay together; before a word its own space goes with it.
  EXPECT_EQ(encode("  1", "smollm"), (Ids{kTwoSpaces, '1'}));
  EXPECT_EQ(encode("  1", "gpt-2"), (Ids{' ', ' ', '1'}));
  EXPECT_EQ(encode("  low"), (Ids{' ', kSpaceLow}));
  EXPECT_EQ(encode("low  "), (Ids{kLow, kTwoSpaces}));
}

TEST(BpeTokenizer, DoesNotMergeAcrossPieces) {
  EXPECT_EQ(encode("lo'sw"), (Ids{kLo, '\'', 's', 'w'}));
  EXPECT_EQ(encode("l1ow"), (Ids{'l', '1', 'o', 'w'}));
  EXPECT_EQ(encode("lo\nw"), (Ids{kLo, '\n', 'w'}));
}

TEST(BpeTokenizer, FindsSpecialTokensBeforeAnythingElse) {
  EXPECT_EQ(encode("low<|end|>low"), (Ids{kLow, kEnd, kLow}));
  EXPECT_EQ(encode("<|end|><|end|>"), (Ids{kEnd, kEnd}));
  EXPECT_EQ(encode("<<|end|>"), (Ids{'<', kEnd}));
  EXPECT_EQ(encode("<|end|").size(), 6u);
}

TEST(BpeTokenizer, TheLongestSpecialTokenWins) {
  EXPECT_EQ(encode("<|end|>>>"), (Ids{kLongEnd, '>'}));
}

TEST(BpeTokenizer, BytesThatAreNotUtf8BecomeTheReplacementCharacter) {
  EXPECT_EQ(encode("\xff"), (Ids{0xEF, 0xBF, 0xBD}));
  EXPECT_EQ(encode("\xc3\xa9\xc3"), (Ids{kEAcute, 0xEF, 0xBF, 0xBD}));
}

TEST(BpeTokenizer, LeavesOutBytesThatHaveNoToken) {
  TokenizerData data = tiny();
  data.tokens['x'] = "unused";
  const auto tokenizer = make_bpe_tokenizer(std::move(data));
  EXPECT_EQ(tokenizer->encode("lxow"), Ids{kLow});
}

TEST(BpeTokenizer, DecodesToTheBytesWithoutSpecialTokens) {
  const auto tokenizer = make_bpe_tokenizer(tiny());
  const std::string text = "lower\tÜ 12 😀";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  EXPECT_EQ(tokenizer->decode({kLow, kEnd, kLow}), "lowlow");
  EXPECT_EQ(tokenizer->decode({0xF0, 0x9F}), "\xF0\x9F");
  EXPECT_EQ(tokenizer->decode({-200, kLow, 1 << 30}), "low");  // ids that are no tokens
}

TEST(BpeTokenizer, KnowsTokensByTheirText) {
  const auto tokenizer = make_bpe_tokenizer(tiny());
  EXPECT_EQ(tokenizer->vocabulary(), 268);
  EXPECT_EQ(tokenizer->id_of("<|end|>"), kEnd);
  EXPECT_EQ(tokenizer->id_of(" low"), kSpaceLow);
  EXPECT_EQ(tokenizer->id_of("<|none|>"), std::nullopt);
  EXPECT_TRUE(tokenizer->is_special(kEnd));
  EXPECT_FALSE(tokenizer->is_special(kLow));
  EXPECT_FALSE(tokenizer->is_special(-1));
  EXPECT_FALSE(tokenizer->is_special(268));
}

TEST(BpeTokenizer, RefusesMergesAndIdsThatDoNotFitTheVocabulary) {
  for (const char* merge :
       {"l z z", "lz", "", "l qq", "zz q", " l", "l ", "z q", "é 漢", "\xff l"}) {
    TokenizerData data = tiny();
    data.merges.push_back(merge);
    EXPECT_EQ(error_of([&] { make_bpe_tokenizer(data); }).code(), ErrorCode::kCorrupt) << merge;
  }
  for (const int32_t id : {-1, 268, INT32_MAX, INT32_MIN}) {
    TokenizerData data = tiny();
    data.special_ids.push_back(id);
    EXPECT_EQ(error_of([&] { make_bpe_tokenizer(data); }).code(), ErrorCode::kCorrupt) << id;
  }
  TokenizerData data = tiny();
  data.tokens[0] = "\xff";
  EXPECT_EQ(error_of([&] { make_bpe_tokenizer(data); }).code(), ErrorCode::kCorrupt);
  data = tiny();
  data.pre_tokenizer = "tekken";
  EXPECT_EQ(error_of([&] { make_bpe_tokenizer(data); }).code(), ErrorCode::kUnsupported);
}

TEST(BpeTokenizer, AMegabyteOfOnePieceTakesNoLongerThanWords) {
  const auto tokenizer = make_bpe_tokenizer(tiny());
  for (const char byte : {'a', ' ', '<', '\n', '\xff'}) {
    const std::string text(1 << 20, byte);
    const auto start = std::chrono::steady_clock::now();
    const Ids ids = tokenizer->encode(text);
    // About 0.3 s here; quadratic time would take minutes. Sanitizers and busy machines are given
    // room.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_EQ(tokenizer->decode(ids), to_valid_utf8(text));
  }
}

TEST(ByteTokenizer, HasBytesAndSpecialTokensBehindThem) {
  const auto tokenizer = make_byte_tokenizer({"<a>", "<bb>"});
  EXPECT_EQ(tokenizer->vocabulary(), 258);
  EXPECT_EQ(tokenizer->encode("x<bb>é<a>"), (Ids{'x', 257, 0xC3, 0xA9, 256}));
  EXPECT_EQ(tokenizer->encode("\xff"), (Ids{0xEF, 0xBF, 0xBD}));
  EXPECT_EQ(tokenizer->decode({'x', 257, 0xC3, 0xA9, 256}), "xé");
  EXPECT_EQ(tokenizer->id_of("<a>"), 256);
  EXPECT_TRUE(tokenizer->is_special(257));
  EXPECT_FALSE(tokenizer->is_special(255));
}

TEST(GgufTokenizer, TakesVocabularyMergesAndControlTokens) {
  test::GgufBuilder builder;
  const Gguf gguf =
      Gguf::read(test::file_of(test::add_tiny_tokenizer(builder).bytes(), "tiny.gguf"));
  const auto tokenizer = make_tokenizer(gguf);
  EXPECT_EQ(tokenizer->encode("hello hello!<|end|>"), (Ids{9, 10, 11, 0}));
  EXPECT_TRUE(tokenizer->is_special(0));
}

TEST(GgufTokenizer, ErrorsNameTheFile) {
  using B = test::GgufBuilder;
  const auto refusal = [](B& builder) {
    const Gguf gguf = Gguf::read(test::file_of(builder.bytes(), "tiny.gguf"));
    const Error error = error_of([&] { make_tokenizer(gguf); });
    EXPECT_TRUE(std::string(error.what()).starts_with("tiny.gguf: ")) << error.what();
    return error.code();
  };
  B none;
  EXPECT_EQ(refusal(none), ErrorCode::kCorrupt);
  B other;
  EXPECT_EQ(refusal(other.value("tokenizer.ggml.model", 8, B::text("llama"))),
            ErrorCode::kUnsupported);
  const auto base = [](B& builder, const char* merge, size_t types) -> B& {
    return builder.value("tokenizer.ggml.model", 8, B::text("gpt2"))
        .value("tokenizer.ggml.pre", 8, B::text("gpt-2"))
        .texts("tokenizer.ggml.tokens", {"a", "b", "ab"})
        .texts("tokenizer.ggml.merges", {merge})
        .i32s("tokenizer.ggml.token_type", std::vector<int32_t>(types, 1));
  };
  B merge;
  EXPECT_EQ(refusal(base(merge, "b a", 3)), ErrorCode::kCorrupt);
  B types;
  EXPECT_EQ(refusal(base(types, "a b", 2)), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace m3
