// Questions about a window: frames with their times, of which the last one is now. Only what the
// window still shows is asked for, and what it may have shown is not denied. Threads: free
// functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/dataset/random.h"
#include "tools/dataset/view.h"
#include "tools/dataset/vocabulary.h"
#include "tools/dataset/wording.h"

namespace m3::dataset {

struct Moment {
  const View* view = nullptr;  // never null
  int second = 0;              // of stream time, that its marker tells; ascending
  size_t picture = 0;          // moments of one number show the same
};

struct Watched {
  std::vector<Moment> moments;    // in the order of time; one at least
  std::vector<const View*> gone;  // what the stream showed and the window does not any more
  bool one_camera = false;        // moments differ by what comes, moves and leaves
};

// At most `most` different questions of several kinds: now, ever, at, when, order, change, count,
// action, and those about the picture that is shown last. vocabulary: balanced for single pictures;
// of_windows: for what whole windows show (joined()).
std::vector<QuestionAnswer> window_questions(const Watched& watched, const Vocabulary& vocabulary,
                                             const Vocabulary& of_windows, size_t most,
                                             Random& random);

}  // namespace m3::dataset
