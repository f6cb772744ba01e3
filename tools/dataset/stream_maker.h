// Makes windows as a session would hold them: pictures are shown one after another for some time,
// frames of them get scales as a camera's frames do, and core/window_memory makes old ones coarser,
// averages and drops them. Threads: free functions.
#pragma once

#include <cstddef>
#include <vector>

#include "tools/dataset/picture_list.h"
#include "tools/dataset/random.h"
#include "tools/dataset/window_questions.h"

namespace m3::dataset {

struct WindowOptions {
  std::vector<int> ladder = {1, 9, 36, 144};  // ascending
  int most_visual_tokens = 300;               // that a window holds, from the coarsest scale on
  int most_pictures = 8;                      // shown one after another, 2 or more
  // Share of the windows that are of a long stream: up to so many pictures, of most of which
  // little is left. 0..1; 2 or more.
  double long_share = 0;
  int long_pictures = 80;
};

struct MadeWindow {
  struct Frame {
    size_t picture = 0;
    int second = 0;
    int scale = 0;
  };
  std::vector<Frame> frames;  // what the window still holds, in the order of time
  Watched watched;            // the same, as questions are made of it
};

// Half of the short ones what one camera saw, where the list has cameras.
MadeWindow make_window(const PictureList& pictures, const WindowOptions& options, Random& random);

// Frames of one clip up to a second of it, of which the picture first_picture + s shows second s.
std::vector<MadeWindow::Frame> clip_window(size_t first_picture, int last_second,
                                           const WindowOptions& options, Random& random);

}  // namespace m3::dataset
