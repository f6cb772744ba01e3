// Wording: questions as people ask them, in several forms, and answers as they are compared.
// Threads: free functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/dataset/random.h"
#include "tools/dataset/view.h"

namespace m3::dataset {

struct QuestionAnswer {
  std::string kind;  // "presence", "count" ...
  std::string question;
  std::string answer;
  std::vector<std::string> accept = {};  // what is right, too
  std::string about = {};                // the name that it asks for, or "": no single one
};

inline constexpr size_t kMostCounted = 5;  // beyond, the answer is "many"

// when: "", or "now" where frames came before.
std::string ask_presence(const std::string& thing, const std::string& when, Random& random);
std::string ask_ever(const std::string& thing, Random& random);  // in all that was seen
std::string ask_object(Random& random);
std::string ask_count(const std::string& label, const std::string& when, Random& random);
std::string ask_colour(const std::string& thing, Random& random);  // "car", "car on the left"
std::string ask_where(const std::string& label, Random& random);
std::string ask_scene(Random& random);
std::string ask_caption(Random& random);
std::string ask_at(int second, Random& random);
std::string ask_when(const std::string& label, Random& random);
std::string ask_change(Random& random);

std::string answer_yes_no(bool yes);
std::string answer_count(size_t count);
std::string answer_where(Side side);  // "on the left"
// "left", which is right, too.
std::string side_word(Side side);
std::string answer_when(int second);             // "at 10 seconds"
std::string came_into_view(const std::string&);  // "a dog came into view"
std::string left_the_view(const std::string&);   // "the dog left"

// "two cars and one person", the most frequent first, three names at most; nothing: it shows
// nothing that is known, or not how often.
std::optional<std::string> scene_of(const View& view);

// "is" or "are" with this noun.
std::string verb_of(const std::string& label);

}  // namespace m3::dataset
