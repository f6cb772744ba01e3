// When an answer is right. Words are compared without case, articles and punctuation, number words
// as numerals. An answer is right when it equals the wanted text or one that is accepted, or holds
// it as whole words and no other answer of the same kind; for "X or Y?" naming both is wrong. A
// wanted time is right within its tolerance. Threads: immutable once made; safe from any thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/m3_eval/question_set.h"

namespace m3::eval {

using Words = std::vector<std::string>;

// "Two red cars." -> 2 red cars
Words normalise(std::string_view text);

class Scoring {
 public:
  // The answers to all questions of a kind are the others that a right answer must not hold.
  explicit Scoring(const std::vector<SetQuestion>& questions);

  bool is_right(const SetQuestion& question, std::string_view answer) const;

 private:
  std::map<std::string, std::set<Words>> answers_by_kind_;
};

}  // namespace m3::eval
