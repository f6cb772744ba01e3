#include "core/model/json_file.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using test::error_of;

JsonObject parse(std::string_view text) { return JsonObject::parse(text, "c.json"); }
std::string refusal(std::string_view text) {
  const Error error = error_of([&] { parse(text); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  return error.what();
}

TEST(JsonObject, GivesValuesOfTheTypeThatIsAskedFor) {
  JsonObject object = parse(
      R"({"n":3,"x":0.5,"b":true,"t":"é","ns":[1,-2],"ts":["a"],"o":{"n":4},"os":[{"n":5},{"n":6}]})");
  EXPECT_EQ(object.integer("n", 0, 3), 3);
  EXPECT_EQ(object.number("x", 0, 1), 0.5);
  EXPECT_EQ(object.number("n", 0, 3), 3);
  EXPECT_TRUE(object.boolean("b"));
  EXPECT_EQ(object.text("t"), "é");
  EXPECT_EQ(object.integers("ns", -2, 1), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(object.texts("ts"), std::vector<std::string>{"a"});
  EXPECT_EQ(object.object("o").integer("n", 0, 9), 4);
  EXPECT_EQ(object.objects("os").at(1).integer("n", 0, 9), 6);
  EXPECT_TRUE(object.contains("n"));
  EXPECT_FALSE(object.contains("m"));
  object.check_all_read();
}

TEST(JsonObject, ErrorsNameFileKeyAndWhatIsExpected) {
  JsonObject object =
      parse(R"({"n":9,"t":"x","o":{"t":1},"os":[{},3],"big":18446744073709551615})");
  const auto text = [](auto&& code) { return std::string(error_of(code).what()); };
  EXPECT_EQ(text([&] { object.integer("n", 1, 8); }),
            R"(c.json: "n" must be a whole number from 1 to 8, it is 9)");
  EXPECT_EQ(text([&] { object.integer("t", 1, 8); }),
            R"(c.json: "t" must be a whole number from 1 to 8, it is "x")");
  EXPECT_EQ(text([&] { object.integer("m", 1, 8); }),
            R"(c.json: "m" is missing; it must be a whole number)");
  EXPECT_EQ(text([&] { object.number("n", 0, 0.5); }),
            R"(c.json: "n" must be a number from 0 to 0.5, it is 9)");
  EXPECT_EQ(text([&] { object.object("o").text("t"); }),
            R"(c.json: "o.t" must be a text, it is 1)");
  EXPECT_EQ(text([&] { object.objects("os"); }), R"(c.json: "os[1]" must be an object, it is 3)");
  EXPECT_EQ(text([&] { object.boolean("o"); }),
            R"(c.json: "o" must be true or false, it is an object)");
  EXPECT_EQ(
      text([&] { object.integer("big", 0, INT64_MAX); }),
      R"(c.json: "big" must be a whole number from 0 to 9223372036854775807, it is 18446744073709551615)");
  EXPECT_EQ(text([&] { object.texts("n"); }), R"(c.json: "n" must be an array of texts, it is 9)");
}

TEST(JsonObject, AKeyThatNobodyAskedForIsAnError) {
  JsonObject object = parse(R"({"known":1,"knwon":2})");
  object.integer("known", 0, 9);
  const Error error = error_of([&] { object.check_all_read(); });
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(std::string(error.what()).starts_with("c.json: \"knwon\" is not a key"))
      << error.what();
  object.ignore("knwon");
  object.check_all_read();
}

TEST(JsonObject, FileNamesArePlain) {
  JsonObject object = parse(
      R"({"good":"a.json","up":"..","here":".","path":"a/b","root":"/b","none":"","nul":"a\u0000b"})");
  EXPECT_EQ(object.file_name("good"), "a.json");
  for (const char* key : {"up", "here", "path", "root", "none", "nul"}) {
    EXPECT_EQ(error_of([&] { object.file_name(key); }).code(), ErrorCode::kCorrupt) << key;
  }
}

TEST(JsonObject, RefusesWhatIsNoStrictJson) {
  EXPECT_EQ(refusal("[1]"), "c.json: holds no JSON object");
  EXPECT_EQ(refusal(R"({"a":1,"b":{"c":1,"c":2}})"),
            R"(c.json: the key "c" stands twice in one object)");
  for (const char* text : {"", "{", "{}x", R"({"a":1,})", "{\"a\":\"\xff\"}", R"({"a":1e999})",
                           R"({"a":NaN})", R"({"a":"\ud800"})", R"({/**/})", "{\"a\":\"\n\"}"}) {
    EXPECT_TRUE(refusal(text).starts_with("c.json: is not valid JSON: ")) << text;
  }
}

TEST(JsonObject, RefusesDeepNestingWithoutDeepRecursion) {
  std::string text = "{\"a\":" + std::string(1'000'000, '[');
  EXPECT_EQ(refusal(text), "c.json: JSON nested too deeply");
  EXPECT_EQ(refusal(text + std::string(1'000'000, ']') + "}"), "c.json: JSON nested too deeply");
  text = "{\"a\":" + std::string(60, '[') + std::string(60, ']') + "}";
  EXPECT_TRUE(parse(text).contains("a"));
}

TEST(JsonObject, RefusesAFileThatIsTooLarge) {
  EXPECT_EQ(refusal(std::string((16 << 20) + 1, ' ')),
            "c.json: a JSON file of over 16 MiB is not read");
}

}  // namespace
}  // namespace m3
