// CodecRest: learns what a codec tells about a camera's frames while nothing moves, and says which
// frames are so much like those that their pixels need not be looked at. It is told by pixels what
// rest is, so it knows no codec, bit rate or noise beforehand; where the codec tells nothing
// (I pictures, codecs without packet sizes) every frame is looked at. Threads: one stream's is used
// from one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/codec_motion.h"
#include "core/export.h"
#include "core/frame.h"

namespace m3 {

class M3_API CodecRest {
 public:
  // A stretch of frames that are not looked at is at most this long, whatever the codec tells: what
  // it misses is found then, within half a second of its beginning.
  static constexpr double kLongestSeconds = 0.25;
  // Frames are looked at for this long after a start, and after something moved.
  static constexpr double kFirstSeconds = 3;
  static constexpr double kAwakeSeconds = 0.5;

  // Whether the frame may pass without a look at its pixels. Call once a frame, in the order of
  // showing; pts_ns is stream time, kNoTime: it is looked at.
  bool rests(const CodecMotion& motion, int64_t pts_ns);
  // What the pixels said of the frame that rests() said no to; not called for the others.
  void learn(bool moves);
  void reset() { *this = CodecRest(); }

 private:
  // What is compared. All grow with what happens in the picture.
  enum { kBytes, kSpeed, kPeak, kAnew, kSignals };
  using Signals = std::array<float, kSignals>;
  // Of one type of picture at rest: means and mean deviations.
  struct Level {
    int frames = 0;
    Signals mean{};
    Signals deviation{};
  };

  static Signals signals_of(const CodecMotion& motion);
  bool like_rest() const;

  std::array<Level, 2> levels_;             // of P and of B pictures
  Signals signals_{};                       // of the frame at hand
  int level_ = -1;                          // likewise, of levels_; -1: it tells nothing
  int64_t now_ns_ = kNoTime;                // likewise
  std::optional<int64_t> asleep_since_ns_;  // the first frame that was passed, none: awake
  int64_t awake_until_ns_ = kNoTime;        // kNoTime: nothing was seen yet
  int looks_ = 0;                           // frames that are looked at next, whatever they tell
};

}  // namespace m3
