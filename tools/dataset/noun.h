// English nouns in questions and answers. Threads: free functions.
#pragma once

#include <string>

namespace m3::dataset {

// What people call a label: "long_sleeve", "Dog" -> "long sleeve", "dog"; and "outwear" ->
// "jacket".
std::string spoken_name(const std::string& label);
// "car" -> "cars", "person" -> "people", "police bus" -> "police buses"
std::string plural_of(const std::string& noun);
// Whether the word stands for one thing in its plural form, "scissors", "jeans".
bool is_always_plural(const std::string& noun);
// "an airplane", "a car", "scissors"
std::string with_article(const std::string& noun);
// 0: "none", 1: "one", ... 12: "twelve"; beyond: numerals
std::string count_word(size_t count);

}  // namespace m3::dataset
