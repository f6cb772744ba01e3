// Makes questions out of annotations, so that a folder of labelled pictures is enough to measure a
// model: object, presence, count, colour, where, scene. Yes and no are balanced, and what is asked
// for in vain is drawn from the names that are there, as often as they are there: a name alone
// gives nothing away. No answer makes up more than half of a kind. Threads: free functions.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/dataset/annotations.h"
#include "tools/m3_eval/question_set.h"

namespace m3::eval {

// At most one question of a kind a picture, two of presence; the same for the same seed. What may
// be denied where: tools/dataset/vocabulary.h.
std::vector<SetQuestion> make_questions(const std::vector<dataset::AnnotatedPicture>& pictures,
                                        uint64_t seed);

// At most `most` questions, 0: all: those of pictures drawn at random, so that kinds stay mixed as
// they were.
std::vector<SetQuestion> some_of(std::vector<SetQuestion> questions, size_t most, uint64_t seed);

}  // namespace m3::eval
