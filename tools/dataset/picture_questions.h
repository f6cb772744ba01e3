// Questions about one picture, from what is known to be in it. Threads: free functions.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/dataset/random.h"
#include "tools/dataset/view.h"
#include "tools/dataset/vocabulary.h"
#include "tools/dataset/wording.h"

namespace m3::dataset {

// One question of a kind; nothing: the view does not tell enough for one. when: "", or "now" where
// frames came before.
using PictureQuestion = std::optional<QuestionAnswer> (*)(const View& view,
                                                          const Vocabulary& vocabulary,
                                                          const std::string& when, Random& random);

std::optional<QuestionAnswer> presence_question(const View&, const Vocabulary&,
                                                const std::string& when, Random&);
std::optional<QuestionAnswer> object_question(const View&, const Vocabulary&,
                                              const std::string& when, Random&);
std::optional<QuestionAnswer> count_question(const View&, const Vocabulary&,
                                             const std::string& when, Random&);
std::optional<QuestionAnswer> colour_question(const View&, const Vocabulary&,
                                              const std::string& when, Random&);
std::optional<QuestionAnswer> where_question(const View&, const Vocabulary&,
                                             const std::string& when, Random&);
std::optional<QuestionAnswer> scene_question(const View&, const Vocabulary&,
                                             const std::string& when, Random&);
std::optional<QuestionAnswer> caption_question(const View&, const Vocabulary&,
                                               const std::string& when, Random&);

// What a colour question could be asked about, and its colour.
std::vector<std::pair<std::string, std::string>> known_colours(const View& view);

// At most `most` different questions, of several kinds where the view tells of them.
std::vector<QuestionAnswer> picture_questions(const View& view, const Vocabulary& vocabulary,
                                              size_t most, const std::string& when, Random& random);

}  // namespace m3::dataset
