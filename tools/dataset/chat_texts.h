// Questions without a picture, so that a model which learns to see keeps its language. Threads: a
// free function.
#pragma once

#include <string>
#include <vector>

#include "tools/dataset/random.h"
#include "tools/dataset/wording.h"

namespace m3::dataset {

// sentences: some to make questions of; may be empty.
QuestionAnswer text_question(const std::vector<std::string>& sentences, Random& random);

}  // namespace m3::dataset
