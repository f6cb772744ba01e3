#include "core/model/utf8.h"

#include <gtest/gtest.h>

namespace m3 {
namespace {

TEST(Utf8, LeavesWellFormedTextAsItIs) {
  for (const std::string text :
       {"", "a", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "日本 😀 é"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
    EXPECT_EQ(to_valid_utf8(text), text);
  }
  EXPECT_EQ(to_valid_utf8(std::string("a\0b", 3)), std::string("a\0b", 3));
}

// Table 3-8 and its neighbours in The Unicode Standard, section 3.9.
TEST(Utf8, PutsOneReplacementForEachMaximalBrokenPart) {
  const std::pair<std::string, std::string> cases[] = {
      {"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", "a���b�c��d"},
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "��������A"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "��������A"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "�����A��B"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "����A"},
      {"\xF0\x9F\x98", "�"},
      {"\xF0\x9F\x98\x28", "�("},
      {"\xC3", "�"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_FALSE(is_valid_utf8(bytes));
    EXPECT_EQ(to_valid_utf8(bytes), expected);
  }
}

TEST(Utf8Stream, HoldsAnIncompleteCharacterBack) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80z\xC3"), "😀z");
  EXPECT_EQ(stream.push("\xA9"), "é");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Utf8Stream, ReplacesATailThatNeverCompletes) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("x\xE2\x82"), "x");
  EXPECT_EQ(stream.finish(), "�");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.push("y"), "�y");
}

TEST(Utf8Stream, GivesTheSameTextHoweverTheBytesAreCut) {
  const std::string bytes =
      "a\x80\xF0\x9F\x98\x80\xE2\x82\xFF\xC3\xA9\xED\xA0\x80z\xF4\x90\xE2\x82";
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (size_t second = first; second <= bytes.size(); ++second) {
      Utf8Stream stream;
      const std::string_view all = bytes;
      std::string joined = stream.push(all.substr(0, first));
      joined += stream.push(all.substr(first, second - first));
      joined += stream.push(all.substr(second));
      joined += stream.finish();
      ASSERT_EQ(joined, to_valid_utf8(bytes)) << first << " " << second;
    }
  }
}

}  // namespace
}  // namespace m3
