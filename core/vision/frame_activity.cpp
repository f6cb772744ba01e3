#include "core/vision/frame_activity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/vision/global_change.h"
#include "core/vision/small_luma.h"

namespace m3 {
namespace {

// Seconds in which the pictures of the past follow the present.
constexpr double kSlowSeconds = 6;
constexpr double kSlowCoveredSeconds = 20;  // where something stands before it
constexpr double kFastSeconds = 0.6;
constexpr double kSpreadUpSeconds = 2;
constexpr double kSpreadDownSeconds = 8;

constexpr float kFloor = 3.5F;  // levels of luma that never count
constexpr float kSpreads = 5;   // a pixel moves when it is this many mean deviations off
constexpr float kFirstSpread = 1;

double share(double dt, double seconds) { return 1 - std::exp(-dt / seconds); }

}  // namespace

struct FrameActivity::State {
  SmallLuma luma;
  GlobalChangeFinder finder;
  std::vector<float> slow, fast, spread;  // the past, and the mean deviation of each pixel from it
  std::vector<float> off_slow, off_fast, from_slow, from_fast, sum;
  std::vector<uint8_t> mask;
  Signature last_signature{};
  uint64_t seen = 0;
  int64_t last_ns = kNoTime;
  float typical = kFirstSpread;

  void start() {
    slow = luma.pixels();
    fast = slow;
    spread.assign(slow.size(), kFirstSpread);
    off_slow.assign(slow.size(), 0);
    off_fast.assign(slow.size(), 0);
    from_slow.assign(slow.size(), 0);
    from_fast.assign(slow.size(), 0);
    sum.assign(slow.size(), 0);
    mask.assign(slow.size(), 0);
    seen = 1;
  }
};

namespace {

void box3(const float* __restrict in, float* __restrict sum, float* __restrict out, int width,
          int height) {
  const int n = width * height;
  for (int i = 1; i < n - 1; ++i) sum[i] = in[i - 1] + in[i] + in[i + 1];
  for (int i = width + 1; i < n - width - 1; ++i) {
    out[i] = (sum[i - width] + sum[i] + sum[i + width]) * (1.0F / 9);
  }
}

void translate(std::vector<float>& picture, std::vector<float>& scratch, int width, int height,
               int dx, int dy) {
  for (int y = 0; y < height; ++y) {
    const int from_y = std::clamp(y + dy, 0, height - 1);
    for (int x = 0; x < width; ++x) {
      scratch[y * width + x] = picture[from_y * width + std::clamp(x + dx, 0, width - 1)];
    }
  }
  picture.swap(scratch);
}

Signature signature_of(const float* p, int width, int height) {
  Signature out{};
  for (int by = 0; by < kSignatureRows; ++by) {
    const int y0 = by * height / kSignatureRows;
    const int y1 = std::max(y0 + 1, (by + 1) * height / kSignatureRows);
    for (int bx = 0; bx < kSignatureColumns; ++bx) {
      const int x0 = bx * width / kSignatureColumns;
      const int x1 = std::max(x0 + 1, (bx + 1) * width / kSignatureColumns);
      float sum = 0;
      for (int y = y0; y < y1; ++y) {
        for (int x = x0; x < x1; ++x) sum += p[y * width + x];
      }
      out[by * kSignatureColumns + bx] = static_cast<uint8_t>(
          std::lround(std::clamp(sum / ((y1 - y0) * (x1 - x0)), 0.0F, 255.0F)));
    }
  }
  return out;
}

double complexity_of(const float* p, int width, int height) {
  constexpr int kFine = 24;
  constexpr int kCoarse = 6;
  constexpr int kRatio = kFine / kCoarse;
  std::array<float, kFine * kFine> fine{};
  for (int by = 0; by < kFine; ++by) {
    const int y0 = by * height / kFine;
    const int y1 = std::max(y0 + 1, (by + 1) * height / kFine);
    for (int bx = 0; bx < kFine; ++bx) {
      const int x0 = bx * width / kFine;
      const int x1 = std::max(x0 + 1, (bx + 1) * width / kFine);
      float sum = 0;
      for (int y = y0; y < std::min(y1, height); ++y) {
        for (int x = x0; x < std::min(x1, width); ++x) sum += p[y * width + x];
      }
      fine[by * kFine + bx] = sum / static_cast<float>((y1 - y0) * (x1 - x0));
    }
  }
  double lost = 0;
  for (int cy = 0; cy < kCoarse; ++cy) {
    for (int cx = 0; cx < kCoarse; ++cx) {
      double sum = 0;
      double squares = 0;
      for (int y = 0; y < kRatio; ++y) {
        for (int x = 0; x < kRatio; ++x) {
          const double v = fine[(cy * kRatio + y) * kFine + cx * kRatio + x];
          sum += v;
          squares += v * v;
        }
      }
      lost += squares / (kRatio * kRatio) - (sum / (kRatio * kRatio)) * (sum / (kRatio * kRatio));
    }
  }
  const double deviation = std::sqrt(std::max(0.0, lost / (kCoarse * kCoarse)));
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

void FrameActivity::reset() {
  state_->seen = 0;
  state_->last_ns = kNoTime;
}

Activity FrameActivity::measure(const FrameView& frame) {
  check(frame);
  if (frame.memory != MemoryKind::kHost) {
    throw Error(ErrorCode::kUnsupported,
                "activity is measured on frames in host memory; download the frame before it");
  }
  State& s = *state_;
  if (s.luma.read(frame)) s.seen = 0;
  const int w = s.luma.width_px();
  const int h = s.luma.height_px();
  const int n = w * h;
  const float* now = s.luma.pixels().data();
  Activity out;
  out.signature = signature_of(now, w, h);
  out.complexity = complexity_of(now, w, h);
  double dt = 0.04;
  if (frame.pts_ns != kNoTime && s.last_ns != kNoTime) {
    dt = std::clamp(static_cast<double>(frame.pts_ns - s.last_ns) * 1e-9, 0.001, 1.0);
  }
  s.last_ns = frame.pts_ns;
  const Signature last = s.last_signature;
  s.last_signature = out.signature;
  if (s.seen == 0 || w < 8 || h < 8) {
    s.start();
    return out;
  }
  GlobalChange g = s.finder.find(now, s.slow.data(), w, h, std::max(1.0F, s.typical));
  if (correlation(last, out.signature) < 0.5) {
    out.scene = true;
    s.start();
    return out;
  }
  const int jump_x = static_cast<int>(std::lround(g.dx_px)),
            jump_y = static_cast<int>(std::lround(g.dy_px));
  if (jump_x != 0 || jump_y != 0) {
    for (auto* p : {&s.slow, &s.fast, &s.spread}) translate(*p, s.sum, w, h, jump_x, jump_y);
    g = s.finder.find(now, s.slow.data(), w, h, std::max(1.0F, s.typical));
  }
  float* slow = s.slow.data();
  float* fast = s.fast.data();
  float* rs = s.off_slow.data();
  float* rf = s.off_fast.data();
  float* as = s.from_slow.data();
  float* af = s.from_fast.data();
  for (int i = 0; i < n; ++i) {
    const float gx = i > 0 && i < n - 1 ? (slow[i + 1] - slow[i - 1]) / 2 : 0;
    const float gy = i >= w && i < n - w ? (slow[i + w] - slow[i - w]) / 2 : 0;
    const float d = g.dx_px * gx + g.dy_px * gy + g.offset;
    as[i] = now[i] - (g.gain * slow[i] + d);
    af[i] = now[i] - (g.gain * fast[i] + d);
  }
  box3(as, s.sum.data(), rs, w, h);
  box3(af, s.sum.data(), rf, w, h);
  const float up = share(dt, kSpreadUpSeconds), down = share(dt, kSpreadDownSeconds);
  const float a_slow = share(dt, kSlowSeconds), a_covered = share(dt, kSlowCoveredSeconds),
              a_fast = share(dt, kFastSeconds);
  std::fill(s.mask.begin(), s.mask.end(), 0);
  for (int y = 2; y < h - 2; ++y) {
    for (int x = 2; x < w - 2; ++x) {
      const int i = y * w + x;
      const float limit = kFloor + kSpreads * s.spread[i];
      s.mask[i] = std::abs(rs[i]) > limit && std::abs(rf[i]) > limit;
    }
  }
  int area = 0;
  for (int y = 2; y < h - 2; ++y) {
    for (int x = 2; x < w - 2; ++x) {
      const int i = y * w + x;
      if (!s.mask[i]) continue;
      int c = 0;
      for (int v = -1; v <= 1; ++v)
        for (int u = -1; u <= 1; ++u) c += s.mask[i + v * w + u];
      area += c >= 5;
    }
  }
  out.motion = std::cbrt(static_cast<double>(area) / n);
  double total = 0;
  for (int i = 0; i < n; ++i) {
    const float a = std::abs(rf[i]);
    float& sp = s.spread[i];
    const float c = std::min(a, 3 * sp + 0.5F);
    sp += (c > sp ? up : down) * (c - sp);
    total += sp;
    const float base = now[i] - as[i];
    const float basef = now[i] - af[i];
    const float d = base - g.gain * slow[i];
    slow[i] = base - d + g.offset + (s.mask[i] ? a_covered : a_slow) * as[i];
    fast[i] = basef - d + g.offset + a_fast * af[i];
  }
  s.typical = total / n;
  out.noise = s.typical * 1.25 * 3 * s.luma.block_px();
  s.seen++;
  return out;
}

}  // namespace m3
