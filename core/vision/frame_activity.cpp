#include "core/vision/frame_activity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/vision/global_change.h"
#include "core/vision/motion_model.h"
#include "core/vision/small_luma.h"

namespace m3 {
namespace {

constexpr int kLeastSidePx = 12;              // smaller pictures have no motion
constexpr double kUnknownStepSeconds = 0.04;  // between frames without a time
constexpr double kCutCorrelation = 0.5;       // of two signatures; below it hardly anything is left
constexpr float kLeastTolerance = 1;  // levels of luma that a small pixel differs without cause
constexpr float kMeanDeviation = 1.2533F;  // standard deviation / mean deviation of Gaussian noise

double seconds_between(int64_t from_ns, int64_t to_ns) {
  if (from_ns == kNoTime || to_ns == kNoTime) return kUnknownStepSeconds;
  return std::clamp(static_cast<double>(to_ns - from_ns) * 1e-9, 0.001, 1.0);
}

}  // namespace

struct FrameActivity::State {
  SmallLuma luma;
  GlobalChangeFinder finder;
  MotionModel model;
  GlobalChange change;
  Signature signature{};
  Regions regions;
  std::vector<float> weights;  // empty: every pixel counts the same
  bool regions_changed = false;
  std::vector<float> shown;  // the picture without what is ignored
  bool started = false;

  void weigh() {
    weights = regions.empty() ? std::vector<float>() : weights_of(regions, luma);
    model.set_weights(weights);
    regions_changed = false;
  }
  // What is ignored is as light as the rest is in the mean.
  const float* without_ignored() {
    const std::vector<float>& now = luma.pixels();
    if (weights.empty() || regions.ignored.empty()) return now.data();
    double sum = 0;
    size_t counted = 0;
    for (size_t i = 0; i < now.size(); ++i) {
      if (weights[i] > 0) sum += now[i], ++counted;
    }
    const float mean = counted > 0 ? static_cast<float>(sum / static_cast<double>(counted)) : 0;
    shown.resize(now.size());
    for (size_t i = 0; i < now.size(); ++i) shown[i] = weights[i] > 0 ? now[i] : mean;
    return shown.data();
  }
  int64_t last_ns = kNoTime;   // of the frame measured last
  int64_t frame_ns = kNoTime;  // of the frame before, measured or not
  Activity last;               // as it was measured
};

namespace {

// The picture moved by whole pixels first; its rim stands in for what is beyond it.
Signature signature_of(const float* p, int width, int height, int right_px = 0, int down_px = 0) {
  Signature out{};
  for (int by = 0; by < kSignatureRows; ++by) {
    const int y0 = by * height / kSignatureRows;
    const int y1 = std::max(y0 + 1, (by + 1) * height / kSignatureRows);
    for (int bx = 0; bx < kSignatureColumns; ++bx) {
      const int x0 = bx * width / kSignatureColumns;
      const int x1 = std::max(x0 + 1, (bx + 1) * width / kSignatureColumns);
      float sum = 0;
      for (int y = y0; y < y1; ++y) {
        const float* row = p + std::clamp(y - down_px, 0, height - 1) * width;
        for (int x = x0; x < x1; ++x) sum += row[std::clamp(x - right_px, 0, width - 1)];
      }
      out[by * kSignatureColumns + bx] = static_cast<uint8_t>(
          std::lround(std::clamp(sum / ((y1 - y0) * (x1 - x0)), 0.0F, 255.0F)));
    }
  }
  return out;
}

// What means over 8x6 cells lose of the signature: 48 cells are close to a scale of 36 tokens.
double complexity_of(const Signature& signature) {
  constexpr int kAcross = 4;
  constexpr int kDown = 3;
  constexpr double kBlocks = kAcross * kDown;
  double lost = 0;
  for (int cy = 0; cy < kSignatureRows; cy += kDown) {
    for (int cx = 0; cx < kSignatureColumns; cx += kAcross) {
      double sum = 0;
      double squares = 0;
      for (int y = cy; y < cy + kDown; ++y) {
        for (int x = cx; x < cx + kAcross; ++x) {
          const double v = signature[y * kSignatureColumns + x];
          sum += v;
          squares += v * v;
        }
      }
      lost += squares - sum * sum / kBlocks;
    }
  }
  const double deviation = std::sqrt(std::max(0.0, lost / static_cast<double>(signature.size())));
  return deviation / (deviation + 20);
}

double correlation(const Signature& a, const Signature& b) {
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sa += a[i];
    sb += b[i];
    saa += a[i] * a[i];
    sbb += b[i] * b[i];
    sab += a[i] * b[i];
  }
  const double n = a.size();
  const double va = saa / n - sa / n * sa / n, vb = sbb / n - sb / n * sb / n;
  const double cov = sab / n - sa / n * sb / n;
  return (cov + 4) / std::sqrt((va + 4) * (vb + 4));
}

}  // namespace

FrameActivity::FrameActivity() : state_(std::make_unique<State>()) {}
FrameActivity::~FrameActivity() = default;

void FrameActivity::set_regions(const Regions& regions) {
  if (regions == state_->regions) return;
  state_->regions = regions;
  state_->regions_changed = true;
}

void FrameActivity::reset() {
  state_->started = false;
  state_->last_ns = state_->frame_ns = kNoTime;
  state_->last = {};
}

Activity FrameActivity::pass(int64_t pts_ns) {
  state_->frame_ns = pts_ns;
  Activity activity = state_->last;
  activity.motion = 0;
  activity.scene = activity.interest = false;
  activity.heat = {};
  return activity;
}

Activity FrameActivity::measure(const FrameView& frame) {
  check(frame);
  if (frame.memory != MemoryKind::kHost) {
    throw Error(ErrorCode::kUnsupported,
                "activity is measured on frames in host memory; download the frame before it");
  }
  State& s = *state_;
  const bool reshaped = s.luma.read(frame);
  if (reshaped) s.started = false;
  if (reshaped || s.regions_changed) s.weigh();
  const int width = s.luma.width_px();
  const int height = s.luma.height_px();
  const float* now = s.luma.pixels().data();
  const float* shown = s.without_ignored();

  Activity activity;
  activity.signature = signature_of(shown, width, height);
  activity.complexity = complexity_of(activity.signature);
  if (width < kLeastSidePx || height < kLeastSidePx) return activity;

  const double dt = seconds_between(s.last_ns, frame.pts_ns);
  const double step = seconds_between(s.frame_ns, frame.pts_ns);
  s.last_ns = s.frame_ns = frame.pts_ns;
  activity.scene = s.started && correlation(s.signature, activity.signature) < kCutCorrelation;
  s.signature = activity.signature;
  if (!s.started || activity.scene) {
    s.model.start(now, width, height);
    s.change = {};
    s.started = true;
    s.last = activity;
    return activity;
  }
  const float tolerance = std::max(kLeastTolerance, s.model.rest_level());
  s.change = s.finder.find(now, s.model.ground(), width, height, tolerance, s.change);
  // Where the camera shakes, its pictures are compared at one place.
  const int right_px = s.change.jump_x_px + static_cast<int>(std::lround(s.change.dx_px));
  const int down_px = s.change.jump_y_px + static_cast<int>(std::lround(s.change.dy_px));
  if (right_px != 0 || down_px != 0)
    activity.signature = signature_of(shown, width, height, right_px, down_px);
  activity.motion = std::cbrt(s.model.measure(now, s.change, dt, step));
  activity.interest =
      !s.regions.interest.empty() && activity.motion > 0 && s.model.mostly_in_full();
  activity.heat = s.model.heat();
  activity.noise = s.model.rest_level() * kMeanDeviation * 3 * s.luma.block_px();
  if (s.model.adopted()) s.change = {};
  s.last = activity;
  return activity;
}

}  // namespace m3
