#include "tools/m3_ask/timeline.h"

#include <algorithm>

#include "core/error.h"
#ifdef M3_HAVE_DRAWING
#include "tools/m3_ask/timeline_drawer.h"
#endif

namespace m3::ask {
namespace {

constexpr size_t kMostMoments = 1 << 15;
constexpr size_t kMostEncoded = 1 << 18;
constexpr size_t kMostSaid = 1000;

}  // namespace

void Timeline::add(const FrameLine& line) {
  if (line.pts_ns == kNoTime) return;
  const double second = to_seconds(line.pts_ns);
  end_second_ = std::max(end_second_, second);
  if (line.scale > 0 && encoded_.size() < kMostEncoded)
    encoded_.push_back({second, line.scale, line.scale + line.crop_scale, line.reason});
  if (moments_.empty() || frames_in_last_ == frames_in_moment_) {
    if (moments_.size() == kMostMoments) thin_out();
    moments_.push_back({second, line.motion, line.complexity});
    frames_in_last_ = 1;
    return;
  }
  Moment& last = moments_.back();
  last.motion = std::max(last.motion, line.motion);
  last.complexity = std::max(last.complexity, line.complexity);
  ++frames_in_last_;
}

void Timeline::thin_out() {
  for (size_t i = 0; i + 1 < moments_.size(); i += 2) {
    Moment joined = moments_[i];
    joined.motion = std::max(joined.motion, moments_[i + 1].motion);
    joined.complexity = std::max(joined.complexity, moments_[i + 1].complexity);
    moments_[i / 2] = joined;
  }
  moments_.resize(moments_.size() / 2);
  frames_in_moment_ *= 2;
}

void Timeline::add(const AnswerLine& line) {
  const double second =
      line.answer.asked_at_ns == kNoTime ? end_second_ : to_seconds(line.answer.asked_at_ns);
  if (said_.size() == kMostSaid) {
    ++more_said_;
    return;
  }
  said_.push_back({second, line.question, line.answer.text});
}

void Timeline::write_png(const std::string& path, double rate, double burst) const {
#ifdef M3_HAVE_DRAWING
  TimelineDrawer(*this, rate, burst).write_png(path);
#else
  throw Error(ErrorCode::kUnsupported,
              path + ": this build cannot draw; build with cairo and Pango (-Ddrawing=enabled)");
#endif
}

}  // namespace m3::ask
