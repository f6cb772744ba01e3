#include "core/codec_rest.h"

#include <algorithm>
#include <cmath>

namespace m3 {
namespace {

constexpr int kLearnFrames = 12;      // of a type, before it is known at rest
constexpr float kLearnShare = 0.06F;  // of the way to a new frame that means go
// A frame is like those at rest up to so many mean deviations above them, and so much more.
constexpr float kDeviations = 2;
constexpr float kSlackBytes = 0.25F;  // powers of two
constexpr float kSlackSpeed = 0.02F;  // pixels a frame, mean over the picture
constexpr float kSlackPeak = 0.25F;   // pixels a frame, of the fastest cell
constexpr float kSlackAnew = 0.002F;  // part of the picture that was coded anew
// Motion shorter than this is gone before the second look, so looks come in twos.
constexpr int kLooks = 2;

int64_t ns(double seconds) { return std::llround(seconds * 1e9); }

}  // namespace

CodecRest::Signals CodecRest::signals_of(const CodecMotion& motion) {
  Signals signals{};
  signals[kBytes] = std::log2(static_cast<float>(motion.packet_bytes) + 16);
  if (!motion.has_vectors) return signals;
  const int cells = motion.columns * motion.rows;
  float speed = 0;
  float peak = 0;
  float anew = 0;
  for (int i = 0; i < cells; ++i) {
    const MotionCell& cell = motion.cells[static_cast<size_t>(i)];
    const float cell_speed = static_cast<float>(cell.speed) / MotionCell::kUnitsPerPixel;
    speed += cell_speed;
    peak = std::max(peak, cell_speed);
    anew += static_cast<float>(255 - cell.predicted) / 255;
  }
  const auto count = static_cast<float>(std::max(1, cells));
  signals[kSpeed] = speed / count;
  signals[kPeak] = peak;
  signals[kAnew] = anew / count;
  return signals;
}

bool CodecRest::like_rest() const {
  if (level_ < 0) return false;
  const Level& level = levels_[static_cast<size_t>(level_)];
  if (level.frames < kLearnFrames) return false;
  static constexpr Signals kSlack = {kSlackBytes, kSlackSpeed, kSlackPeak, kSlackAnew};
  for (size_t i = 0; i < kSignals; ++i) {
    if (signals_[i] > level.mean[i] + kDeviations * level.deviation[i] + kSlack[i]) return false;
  }
  return true;
}

bool CodecRest::rests(const CodecMotion& motion, int64_t pts_ns) {
  const bool jumped = now_ns_ != kNoTime && (pts_ns < now_ns_ || pts_ns > now_ns_ + ns(1));
  if (pts_ns == kNoTime || jumped) reset();
  now_ns_ = pts_ns;
  level_ = -1;
  if (motion.packet_bytes > 0) {
    if (motion.type == PictureType::kPredicted) level_ = 0;
    if (motion.type == PictureType::kBidirectional) level_ = 1;
  }
  if (level_ >= 0) signals_ = signals_of(motion);
  if (pts_ns == kNoTime) return false;
  if (awake_until_ns_ == kNoTime) awake_until_ns_ = pts_ns + ns(kFirstSeconds);
  if (!like_rest()) looks_ = kLooks;
  if (asleep_since_ns_ && pts_ns - *asleep_since_ns_ >= ns(kLongestSeconds)) looks_ = kLooks;
  if (pts_ns < awake_until_ns_ || looks_ > 0) {
    looks_ = std::max(0, looks_ - 1);
    asleep_since_ns_.reset();
    return false;
  }
  if (!asleep_since_ns_) asleep_since_ns_ = pts_ns;
  return true;
}

void CodecRest::learn(bool moves) {
  if (now_ns_ == kNoTime) return;
  if (moves) {
    awake_until_ns_ = std::max(awake_until_ns_, now_ns_ + ns(kAwakeSeconds));
    return;
  }
  if (level_ < 0) return;
  // The first frames count the same each.
  Level& level = levels_[static_cast<size_t>(level_)];
  ++level.frames;
  const float share = std::max(kLearnShare, 1.0F / static_cast<float>(level.frames));
  for (size_t i = 0; i < kSignals; ++i) {
    const float off = signals_[i] - level.mean[i];
    level.mean[i] += share * off;
    level.deviation[i] += share * (std::abs(off) - level.deviation[i]);
  }
}

}  // namespace m3
