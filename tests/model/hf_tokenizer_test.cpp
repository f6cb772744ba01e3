#include "core/model/hf_tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/model/nfc.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using nlohmann::json;
using test::error_of;

std::string folder(const std::string& name) {
  return std::string(M3_GOLDEN_DIR) + "/llava/" + name;
}

// Every golden text of a fixture, at the start of a sequence and behind a picture.
void expect_golden(const std::string& name) {
  const json golden = json::parse(std::ifstream(folder(name) + "/golden.json"));
  const auto tokenizer = open_hf_tokenizer(folder(name) + "/tokenizer.json");
  for (const json& line : golden.at("tokens")) {
    const std::string text = line.at("text");
    EXPECT_EQ(tokenizer->encode(text), line.at("ids").get<std::vector<int32_t>>()) << text;
    EXPECT_EQ(tokenizer->encode_behind(text), line.at("behind").get<std::vector<int32_t>>())
        << text;
  }
}

json small() {
  return json::parse(R"({
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "?": 3, "▁": 4, "▁a": 5},
              "merges": [["a", "b"], "▁ a"], "unk_token": "?", "fuse_unk": true},
    "added_tokens": [{"id": 6, "content": "<x>", "special": true, "lstrip": true, "rstrip": false}],
    "pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never", "split": false}
  })");
}

class HfTokenizer : public testing::Test {
 protected:
  std::shared_ptr<const Tokenizer> open(const json& data) {
    return open_hf_tokenizer(folder_.write("tokenizer.json", data.dump()));
  }
  Error error(const json& data) {
    return error_of([&] { open(data); });
  }
  test::TemporaryFolder folder_;
};

using Ids = std::vector<int32_t>;

TEST_F(HfTokenizer, CharactersAndSpacesAreThoseOfHuggingFacesLibrary) { expect_golden("tied"); }

TEST_F(HfTokenizer, BytesWithAPatternAreThoseOfHuggingFacesLibrary) { expect_golden("biased"); }

TEST_F(HfTokenizer, DecodingGivesTheTextWithItsFirstSpaceAndWithoutSpecialTokens) {
  const auto metaspace = open_hf_tokenizer(folder("tied") + "/tokenizer.json");
  EXPECT_TRUE(metaspace->drops_first_space());
  EXPECT_EQ(metaspace->decode(metaspace->encode("naïve 東京 </s>x")), " naïve 東京 x");
  const auto bytes = open_hf_tokenizer(folder("biased") + "/tokenizer.json");
  EXPECT_FALSE(bytes->drops_first_space());
  EXPECT_EQ(bytes->decode(bytes->encode("naïve 東京 </s>x")), "naïve 東京 x");
}

TEST_F(HfTokenizer, TheOpeningIsTheTemplatesOrTheConfigs) {
  const auto bytes = open_hf_tokenizer(folder("biased") + "/tokenizer.json");
  EXPECT_EQ(bytes->opening_ids(), Ids{*bytes->id_of("<s>")});
  EXPECT_EQ(open(small())->opening_ids(), Ids{});
  folder_.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<x>"})");
  EXPECT_EQ(open(small())->opening_ids(), Ids{6});
  folder_.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<y>"})");
  EXPECT_NE(std::string(error(small()).what()).find("bos_token"), std::string::npos);
}

TEST_F(HfTokenizer, UnknownCharactersAreOneTokenWhereTheyAreFused) {
  EXPECT_EQ(open(small())->encode("xyab z"), (Ids{3, 2, 4, 3}));
  json data = small();
  data["model"]["fuse_unk"] = false;
  EXPECT_EQ(open(data)->encode("xyab"), (Ids{3, 3, 2}));
}

TEST_F(HfTokenizer, AnAddedTokenTakesTheSpacesItSaysItTakes) {
  EXPECT_EQ(open(small())->encode("a <x> a"), (Ids{0, 6, 5}));
}

TEST_F(HfTokenizer, EveryFaultNamesTheFile) {
  const auto expect = [&](const json& data, const std::string& words, ErrorCode code) {
    const Error found = error(data);
    EXPECT_EQ(found.code(), code) << found.what();
    EXPECT_NE(std::string(found.what()).find("tokenizer.json"), std::string::npos) << found.what();
    EXPECT_NE(std::string(found.what()).find(words), std::string::npos) << found.what();
  };
  json data = small();
  data["model"]["merges"].push_back(json::array({"a", "z"}));
  expect(data, "a z", ErrorCode::kCorrupt);
  data = small();
  data["model"]["vocab"]["c"] = 2;
  expect(data, "twice", ErrorCode::kCorrupt);
  data = small();
  data["model"]["vocab"]["c"] = -1;
  expect(data, "model.vocab.c", ErrorCode::kCorrupt);
  data = small();
  data["model"]["type"] = "Unigram";
  expect(data, "Unigram", ErrorCode::kUnsupported);
  data = small();
  data["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "("}}}, {"behavior", "Isolated"}};
  expect(data, "regular expression", ErrorCode::kCorrupt);
  data = small();
  data["normalizer"] = json::parse(R"({"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "a"}, {"type": "NFC"}]})");
  expect(data, "NFC", ErrorCode::kUnsupported);
}

TEST(Nfc, ComposesWhatCanBeComposedAndLeavesTheRest) {
  EXPECT_EQ(to_nfc("plain"), "plain");
  if (!has_nfc()) GTEST_SKIP() << "this build has no utf8proc";
  EXPECT_EQ(to_nfc("e\u0301 \u1112\u1161\u11ab \u212b \U0001f642"),
            "\u00e9 \ud55c \u00c5 \U0001f642");
  EXPECT_EQ(to_nfc("q\u0307\u0323"), "q\u0323\u0307") << "marks in their order";
  EXPECT_EQ(to_nfc("\ufb01"), "\ufb01") << "ligatures stay";
}

TEST_F(HfTokenizer, ComposesTextWhereTheFileSaysSo) {
  if (!has_nfc()) GTEST_SKIP() << "this build has no utf8proc";
  json data = small();
  data["model"]["vocab"]["\u00e9"] = 40;
  EXPECT_NE(open(data)->encode("e\u0301"), (std::vector<int32_t>{40}));
  data["normalizer"] = {{"type", "NFC"}};
  EXPECT_EQ(open(data)->encode("e\u0301"), (std::vector<int32_t>{40}));
}

TEST_F(HfTokenizer, APatternThatNeverEndsIsGivenUp) {
  json data = small();
  data["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"behavior", "Isolated"}};
  const auto tokenizer = open(data);
  EXPECT_EQ(error_of([&] { tokenizer->encode(std::string(60, 'a') + "b"); }).code(),
            ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace m3
