#include "tools/dataset/noun.h"

#include <array>
#include <map>
#include <set>
#include <string_view>

namespace m3::dataset {
namespace {

// The last word decides: "traffic light", "police bus".
size_t last_word(const std::string& noun) {
  const size_t space = noun.find_last_of(" -");
  return space == std::string::npos ? 0 : space + 1;
}

bool is_vowel(char letter) {
  return std::string_view("aeiou").find(letter) != std::string_view::npos;
}

}  // namespace

std::string spoken_name(const std::string& label) {
  static const std::map<std::string, std::string> known = {
      {"longsleeve", "long sleeve shirt"}, {"outwear", "jacket"}, {"bike", "bicycle"}};
  std::string name;
  for (const char letter : label) {
    const bool capital = letter >= 'A' && letter <= 'Z';
    name += letter == '_' ? ' ' : static_cast<char>(capital ? letter - 'A' + 'a' : letter);
  }
  const auto found = known.find(name);
  return found == known.end() ? name : found->second;
}

std::string plural_of(const std::string& noun) {
  static const std::map<std::string, std::string> irregular = {
      {"person", "people"}, {"man", "men"},       {"woman", "women"},  {"child", "children"},
      {"mouse", "mice"},    {"knife", "knives"},  {"leaf", "leaves"},  {"wolf", "wolves"},
      {"sheep", "sheep"},   {"fish", "fish"},     {"foot", "feet"},    {"tooth", "teeth"},
      {"loaf", "loaves"},   {"scarf", "scarves"}, {"shelf", "shelves"}};
  if (noun.empty() || is_always_plural(noun)) return noun;
  const size_t at = last_word(noun);
  const std::string word = noun.substr(at);
  if (const auto found = irregular.find(word); found != irregular.end())
    return noun.substr(0, at) + found->second;
  const auto ends = [&](std::string_view end) { return word.ends_with(end); };
  if (ends("s") || ends("x") || ends("z") || ends("ch") || ends("sh")) return noun + "es";
  if (word.size() > 1 && ends("y") && !is_vowel(word[word.size() - 2]))
    return noun.substr(0, noun.size() - 1) + "ies";
  return noun + "s";
}

bool is_always_plural(const std::string& noun) {
  static const std::set<std::string> words = {"scissors", "pants",   "shorts",     "trousers",
                                              "jeans",    "glasses", "shoes",      "skis",
                                              "pajamas",  "pliers",  "binoculars", "headphones"};
  return words.contains(noun.substr(last_word(noun)));
}

std::string with_article(const std::string& noun) {
  if (noun.empty() || is_always_plural(noun)) return noun;
  return (is_vowel(noun.front()) ? "an " : "a ") + noun;
}

std::string count_word(size_t count) {
  static constexpr std::array kWords = {"none",  "one",   "two",  "three", "four",   "five",  "six",
                                        "seven", "eight", "nine", "ten",   "eleven", "twelve"};
  return count < kWords.size() ? kWords[count] : std::to_string(count);
}

}  // namespace m3::dataset
