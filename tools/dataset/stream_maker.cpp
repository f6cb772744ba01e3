#include "tools/dataset/stream_maker.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "core/window_memory.h"

namespace m3::dataset {
namespace {

constexpr int kLatestStart = 600;  // second of the first frame
constexpr size_t kMeanWidth = 16;  // numbers that stand for a frame's mean token
constexpr int64_t kSecond = 1'000'000'000;

constexpr int kPoorest = 36;        // visual tokens of a window
constexpr int kLongestGap = 6;      // seconds from one look to the next,
constexpr int kLongStreamGap = 30;  // and in a long stream

using ShownFrame = MadeWindow::Frame;

// Which pictures come after each other, and whether one camera saw them.
std::vector<size_t> shown_pictures(const PictureList& pictures, const WindowOptions& options,
                                   bool camera, Random& random) {
  if (camera) {
    std::vector<size_t> frames = random.one_of(pictures.cameras());
    const auto most = static_cast<size_t>(std::max(2, options.most_pictures));
    if (frames.size() > most)
      frames.erase(frames.begin(), frames.end() - static_cast<std::ptrdiff_t>(most));
    return frames;
  }
  std::vector<size_t> shown;
  const int wanted = random.between(2, std::max(2, options.most_pictures));
  while (static_cast<int>(shown.size()) < wanted) {
    const bool again = !shown.empty() && random.chance(0.08);
    const size_t next = again ? random.one_of(shown) : pictures.any(random);
    // What shows nothing known is seldom worth a frame.
    if (pictures.view(next).things.empty() && random.chance(0.7)) continue;
    shown.push_back(next);
  }
  return shown;
}

// Those of a long stream: as annotated, as the tower has seen most of these for other examples.
std::vector<size_t> long_shown(const PictureList& pictures, const WindowOptions& options,
                               Random& random) {
  const int most = std::max(2, options.long_pictures);
  std::vector<size_t> shown(
      static_cast<size_t>(random.between(std::min(most, options.most_pictures), most)));
  for (size_t& picture : shown) picture = pictures.any_annotated(random);
  return shown;
}

// The scale of a frame, as the controller would choose it: fine for what is new, coarse for a
// second look, as the budget has it.
class ScaleChooser {
 public:
  ScaleChooser(const std::vector<int>& ladder, Random& random) : ladder_(ladder), random_(random) {
    fixed_ = random.chance(0.3) ? random.one_of(ladder) : 0;
    richness_ = random.below(ladder.size());
  }

  int fresh() {
    if (fixed_ != 0) return fixed_;
    const size_t step = richness_ + random_.below(2);
    return ladder_[std::min(step, ladder_.size() - 1)];
  }
  int again() {
    if (fixed_ != 0) return fixed_;
    return ladder_[random_.below(richness_ + 1)];
  }

 private:
  const std::vector<int>& ladder_;
  Random& random_;
  int fixed_ = 0;
  size_t richness_ = 0;
};

// A token of its own for each picture; those of one camera are alike.
std::vector<float> mean_of(size_t picture, uint64_t scene, bool camera) {
  Random of_scene(scene);
  Random of_picture(picture);
  std::vector<float> mean(kMeanWidth);
  const double own = camera ? 0.3 : 3;
  for (float& value : mean)
    value = static_cast<float>(of_scene.between(-1.0, 1.0) + own * of_picture.between(-1.0, 1.0));
  return mean;
}

// longest_gap: seconds from one look to the next.
std::vector<ShownFrame> shown_frames(const std::vector<size_t>& shown, const WindowOptions& options,
                                     int longest_gap, Random& random) {
  std::vector<ShownFrame> frames;
  ScaleChooser scales(options.ladder, random);
  // Mostly early in a stream, as times are whole seconds with few digits there.
  int second = static_cast<int>(kLatestStart * std::pow(random.unit(), 2));
  for (const size_t picture : shown) {
    frames.push_back({picture, second, scales.fresh()});
    const int looks = random.chance(0.35) ? random.between(1, 2) : 0;
    for (int look = 0; look < looks; ++look) {
      second += random.between(1, longest_gap);
      frames.push_back({picture, second, scales.again()});
    }
    second += random.between(1, longest_gap);
  }
  return frames;
}

// From a poor window to a rich one, each doubling as likely.
int window_tokens(int poorest, int richest, Random& random) {
  return static_cast<int>(std::exp(random.between(std::log(poorest), std::log(richest))));
}

int short_window_tokens(const WindowOptions& options, Random& random) {
  return window_tokens(std::min(kPoorest, options.most_visual_tokens), options.most_visual_tokens,
                       random);
}

// What the session's memory leaves of the frames in a window of so many visual tokens. alike: they
// show one place.
std::vector<ShownFrame> remembered(const std::vector<ShownFrame>& frames,
                                   const WindowOptions& options, int tokens, bool alike,
                                   Random& random) {
  WindowLimits limits;
  limits.visual_tokens = tokens;
  WindowMemory memory(limits, options.ladder);
  const uint64_t scene = random.next();
  std::vector<ShownFrame> held;
  for (ShownFrame frame : frames) {
    // Nothing finer than the whole window.
    while (frame.scale > limits.visual_tokens && frame.scale > options.ladder.front())
      frame.scale =
          *(std::lower_bound(options.ladder.begin(), options.ladder.end(), frame.scale) - 1);
    MemorySpan span;
    span.visual_tokens = frame.scale;
    span.marker_tokens = 3 + static_cast<int>(std::to_string(frame.second).size());
    span.from_ns = span.to_ns = frame.second * kSecond;
    span.mean = mean_of(frame.picture, scene, alike);
    for (const MemoryOperation& operation : memory.append(std::move(span))) {
      const auto at = held.begin() + static_cast<std::ptrdiff_t>(operation.span);
      if (operation.kind == MemoryOperation::Kind::kCoarsen) {
        at->scale = operation.visual_tokens;
      } else if (operation.kind == MemoryOperation::Kind::kMerge) {
        // The mean of two looks at one picture is that picture; of others the first stands for
        // both.
        held.erase(at + 1);
      } else {
        held.erase(at);
      }
    }
    held.push_back(frame);
  }
  return held;
}

}  // namespace

MadeWindow make_window(const PictureList& pictures, const WindowOptions& options, Random& random) {
  const bool is_long = random.chance(options.long_share);
  const bool camera = !is_long && !pictures.cameras().empty() && random.chance(0.5);
  const std::vector<size_t> shown = is_long ? long_shown(pictures, options, random)
                                            : shown_pictures(pictures, options, camera, random);
  const std::vector<ShownFrame> frames =
      shown_frames(shown, options, is_long ? kLongStreamGap : kLongestGap, random);
  // In a long stream there is room for a token of each picture and for the newest frames. Some are
  // averaged all the same: where every look is new, no scene stands out to the memory.
  const int least = static_cast<int>(shown.size()) * options.ladder.front() + kPoorest;
  const int tokens =
      is_long ? window_tokens(least, std::max(options.most_visual_tokens, 2 * least), random)
              : short_window_tokens(options, random);
  MadeWindow made;
  made.frames = remembered(frames, options, tokens, camera, random);
  made.watched.one_camera = camera;
  std::set<size_t> kept;
  for (const ShownFrame& frame : made.frames) {
    made.watched.moments.push_back({&pictures.view(frame.picture), frame.second, frame.picture});
    kept.insert(frame.picture);
  }
  for (const size_t picture : shown) {
    if (!kept.contains(picture)) made.watched.gone.push_back(&pictures.view(picture));
  }
  return made;
}

std::vector<MadeWindow::Frame> clip_window(size_t first_picture, int last_second,
                                           const WindowOptions& options, Random& random) {
  ScaleChooser scales(options.ladder, random);
  std::vector<ShownFrame> frames;
  const int gap = 1 + last_second / (2 * std::max(2, options.most_pictures));
  int second = last_second;
  while (second >= 0) {
    const bool fine = random.chance(0.4) || second == last_second;
    frames.push_back({first_picture + static_cast<size_t>(second), second,
                      fine ? scales.fresh() : scales.again()});
    second -= random.between(1, 2 * gap - 1);
  }
  std::reverse(frames.begin(), frames.end());
  return remembered(frames, options, short_window_tokens(options, random), true, random);
}

}  // namespace m3::dataset
