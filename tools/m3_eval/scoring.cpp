#include "tools/m3_eval/scoring.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "tools/m3_eval/text_pattern.h"

namespace m3::eval {
namespace {

constexpr std::array kNumbers = {"zero",  "one",   "two",  "three", "four",   "five",  "six",
                                 "seven", "eight", "nine", "ten",   "eleven", "twelve"};

std::string lower(std::string_view text) {
  static const TextPattern everything("(?s).+");
  return everything.replace(text, "\\L$0");
}

std::string numeral_of(const std::string& word) {
  if (word == "none") return "0";
  const auto found = std::find(kNumbers.begin(), kNumbers.end(), word);
  return found == kNumbers.end() ? word : std::to_string(found - kNumbers.begin());
}

bool holds(const Words& text, const Words& part) {
  return !part.empty() &&
         std::search(text.begin(), text.end(), part.begin(), part.end()) != text.end();
}

bool has_word(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "Is it a red one or a grey one?" -> {red one}, {grey one}
std::optional<std::pair<Words, Words>> sides_of(const std::string& question) {
  static const TextPattern choice("(\\w+(?: \\w+)?) or (?:the |an? )?(\\w+(?: \\w+)?)");
  const std::vector<std::string> found = choice.find(lower(question));
  if (found.size() < 3) return std::nullopt;
  return std::pair(normalise(found[1]), normalise(found[2]));
}

// A word of `side` that the other side has not.
bool names(const Words& text, const Words& side, const Words& other) {
  return std::any_of(side.begin(), side.end(), [&](const std::string& word) {
    return !has_word(other, word) && has_word(text, word);
  });
}

bool is_right_time(const SetQuestion& question, std::string_view answer) {
  static const TextPattern number("\\d+(?:\\.\\d+)?");
  const std::vector<std::string> found = number.find(answer);
  return !found.empty() &&
         std::abs(std::strtod(found[0].c_str(), nullptr) - *question.seconds) <= question.tolerance;
}

}  // namespace

Words normalise(std::string_view text) {
  static const TextPattern punctuation("[^\\w\\s.]|\\.(?!\\d)");
  std::istringstream words(punctuation.replace(lower(text), " "));
  Words normal;
  for (std::string word; words >> word;) {
    if (word != "a" && word != "an" && word != "the") normal.push_back(numeral_of(word));
  }
  return normal;
}

Scoring::Scoring(const std::vector<SetQuestion>& questions) {
  for (const SetQuestion& question : questions)
    answers_by_kind_[question.kind].insert(normalise(question.answer));
}

bool Scoring::is_right(const SetQuestion& question, std::string_view answer) const {
  if (question.seconds) return is_right_time(question, answer);
  const Words text = normalise(answer);
  std::vector<Words> good = {normalise(question.answer)};
  for (const std::string& other : question.accept) good.push_back(normalise(other));
  if (std::find(good.begin(), good.end(), text) != good.end()) return true;
  if (std::none_of(good.begin(), good.end(), [&](const Words& g) { return holds(text, g); }))
    return false;
  if (const auto sides = sides_of(question.question)) {
    if (names(text, sides->first, sides->second) && names(text, sides->second, sides->first))
      return false;
  }
  // Another answer counts when it is not a part of a right one: "car" within "police car".
  const auto found = answers_by_kind_.find(question.kind);
  if (found == answers_by_kind_.end()) return true;
  return std::none_of(found->second.begin(), found->second.end(), [&](const Words& other) {
    return std::find(good.begin(), good.end(), other) == good.end() && holds(text, other) &&
           std::none_of(good.begin(), good.end(), [&](const Words& g) { return holds(g, other); });
  });
}

}  // namespace m3::eval
