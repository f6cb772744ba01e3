// TrainingExample: what a model learns from in one go: pictures as a window shows them, and
// questions about them with the answers that are wanted. The maker of examples (tools/m3_train)
// and the trainer (core/torch/train) share nothing else.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace m3 {

struct TrainingFrame {
  size_t picture = 0;            // number of a picture of the list that the trainer was given
  std::optional<double> second;  // of stream time, >= 0; nothing: a still picture, no time marker
  int scale = 0;                 // visual tokens shown, of the ladder; 0: the trainer draws one
};

// The branches of one example do not see each other: each follows the frames directly.
struct TrainingTurn {
  std::string question;  // as a user would type it; the chat template is put around it
  std::string answer;    // what the model should say
  std::string kind;      // object, presence, count ...: for tables and curves only
};

struct TrainingExample {
  std::vector<TrainingFrame> frames;  // in the order of time; none: text only
  std::vector<TrainingTurn> turns;    // at least one
};

}  // namespace m3
