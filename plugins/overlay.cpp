#include "plugins/overlay.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "drawing/canvas.h"
#include "plugins/gstm3meta.h"

namespace m3 {
namespace {

using drawing::Align;
using drawing::Box;
using drawing::Canvas;
using drawing::Color;
using drawing::TextStyle;

constexpr Color kBack = {0, 0, 0, 0.6};
constexpr Color kInk = {1, 1, 1};
constexpr Color kDim = {0.75, 0.75, 0.78};
constexpr Color kMotion = {1, 0.45, 0.1};
constexpr Color kDetail = {0.35, 0.75, 1};
constexpr Color kTrack = {1, 1, 1, 0.18};

constexpr int kLinesOfAnswer = 3;
constexpr int kFontsInPicture = 26;  // the font's default size goes that often into the height
constexpr int kLeastFontPx = 8;
constexpr double kMostHeat = 0.55;  // opacity where all of a block moves

// A rectangle of the canvas' pixels, stretched to width_px x height_px at (left_px, top_px).
GstVideoOverlayRectangle* rectangle_of(Canvas& canvas, int left_px, int top_px, int width_px,
                                       int height_px) {
  const auto pixels = canvas.pixels();
  GstBuffer* buffer = gst_buffer_new_memdup(pixels.data(), pixels.size());
  gst_buffer_add_video_meta(
      buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB,
      static_cast<guint>(canvas.width_px()), static_cast<guint>(canvas.height_px()));
  GstVideoOverlayRectangle* rectangle = gst_video_overlay_rectangle_new_raw(
      buffer, left_px, top_px, static_cast<guint>(width_px), static_cast<guint>(height_px),
      GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  gst_buffer_unref(buffer);
  return rectangle;
}

std::string words_of(const Decision& decision, int shown) {
  const std::string reason = to_string(decision.reason);
  if (decision.action == Action::kEncode) return std::to_string(decision.scale) + "  " + reason;
  return std::to_string(shown) + "  " + reason + ", reused";
}

}  // namespace

OverlaySettings Overlay::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Overlay::forget() {
  decided_ = false;
  label_ = {};
  activity_.reset();
}

void Overlay::take_metas(GstBuffer* buffer) {
  activity_.reset();
  if (const GstM3ActivityMeta* meta = gst_buffer_get_m3_activity(buffer)) {
    activity_ = meta->activity;
    label_.motion = static_cast<int>(std::lround(100 * meta->activity.motion));
    label_.complexity = static_cast<int>(std::lround(100 * meta->activity.complexity));
  }
  const GstM3ScaleMeta* meta = gst_buffer_get_m3_decision(buffer);
  if (!meta || meta->decision.action == Action::kSkip) return;
  decided_ = true;
  label_.decision = meta->decision;
  if (meta->decision.action == Action::kEncode) label_.shown = meta->decision.scale;
}

void Overlay::draw_label(int font_px) {
  label_.font_px = font_px;
  if (label_rectangle_ && label_ == drawn_label_) return;
  const std::string words = words_of(label_.decision, label_.shown);
  TextStyle large;
  large.size_px = font_px * 1.2;
  large.bold = true;
  large.color = label_.decision.action == Action::kEncode ? kInk : kDim;
  TextStyle small;
  small.size_px = font_px * 0.75;
  small.color = kInk;
  Canvas measure(1, 1);
  const double gap = font_px * 0.4;
  const auto title = measure.size_of(words, large);
  const double names = std::max(measure.size_of("motion", small).width_px,
                                measure.size_of("detail", small).width_px);
  const double line = measure.size_of("motion", small).height_px;
  const double bar = font_px * 5.0;
  const double width = std::max(title.width_px, names + gap + bar) + 2 * gap;
  const double height = title.height_px + 2 * line + 2 * gap;
  Canvas canvas(static_cast<int>(std::ceil(width)), static_cast<int>(std::ceil(height)));
  canvas.fill({0, 0, width, height}, kBack, gap);
  canvas.text({gap, gap}, words, large);
  double top = gap + title.height_px;
  const auto gauge = [&](const char* name, int hundredths, Color color) {
    canvas.text({gap, top}, name, small);
    Box track = {gap + names + gap, top + line * 0.3, bar, line * 0.4};
    canvas.fill(track, kTrack);
    track.width *= std::min(100, hundredths) / 100.0;
    canvas.fill(track, color);
    top += line;
  };
  gauge("motion", label_.motion, kMotion);
  gauge("detail", label_.complexity, kDetail);
  label_rectangle_.reset(
      rectangle_of(canvas, font_px / 2, font_px / 2, canvas.width_px(), canvas.height_px()));
  drawn_label_ = label_;
}

void Overlay::draw_answer(const std::string& text, int width_px, int height_px, int font_px) {
  const bool same = text == drawn_text_ && width_px == drawn_width_px_ &&
                    height_px == drawn_height_px_ && font_px == drawn_font_px_;
  if (same) return;
  drawn_text_ = text;
  drawn_width_px_ = width_px;
  drawn_height_px_ = height_px;
  drawn_font_px_ = font_px;
  answer_rectangle_.reset();
  if (text.empty()) return;
  const double gap = font_px * 0.4;
  TextStyle style;
  style.size_px = font_px;
  style.color = kInk;
  style.lines = kLinesOfAnswer;
  style.width_px = std::max(1.0, width_px - font_px - 2 * gap);
  Canvas measure(1, 1);
  const auto size = measure.size_of(text, style);
  style.width_px = std::min(style.width_px, std::ceil(size.width_px) + 1);
  const int width = static_cast<int>(std::ceil(style.width_px + 2 * gap));
  const int height = static_cast<int>(std::ceil(size.height_px + gap));
  Canvas canvas(width, height);
  canvas.fill({0, 0, static_cast<double>(width), static_cast<double>(height)}, kBack, gap);
  canvas.text({gap, gap / 2}, text, style);
  answer_rectangle_.reset(rectangle_of(canvas, (width_px - width) / 2,
                                       std::max(0, height_px - height - font_px / 2), width,
                                       height));
}

// One pixel a block of the signature, which the blending stretches smoothly.
Overlay::Rectangle Overlay::heat(int width_px, int height_px) const {
  int left = kSignatureColumns, right = -1, top = kSignatureRows, bottom = -1;
  const auto at = [&](int x, int y) { return activity_->heat[y * kSignatureColumns + x]; };
  for (int y = 0; y < kSignatureRows; ++y) {
    for (int x = 0; x < kSignatureColumns; ++x) {
      if (at(x, y) == 0) continue;
      left = std::min(left, x), right = std::max(right, x);
      top = std::min(top, y), bottom = std::max(bottom, y);
    }
  }
  if (right < 0) return {};
  // A rim of cool blocks, so that it fades out.
  left = std::max(0, left - 1), right = std::min(kSignatureColumns - 1, right + 1);
  top = std::max(0, top - 1), bottom = std::min(kSignatureRows - 1, bottom + 1);
  Canvas canvas(right - left + 1, bottom - top + 1);
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) {
      const double share = at(x, y) / 255.0;
      if (share <= 0) continue;
      canvas.fill({static_cast<double>(x - left), static_cast<double>(y - top), 1, 1},
                  {kMotion.red, kMotion.green, kMotion.blue, kMostHeat * std::sqrt(share)});
    }
  }
  const int x0 = left * width_px / kSignatureColumns;
  const int x1 = (right + 1) * width_px / kSignatureColumns;
  const int y0 = top * height_px / kSignatureRows;
  const int y1 = (bottom + 1) * height_px / kSignatureRows;
  if (x1 - x0 < 2 || y1 - y0 < 2) return {};
  return Rectangle(rectangle_of(canvas, x0, y0, x1 - x0, y1 - y0));
}

void Overlay::draw(GstVideoFrame* frame) {
  take_metas(frame->buffer);
  const OverlaySettings settings = this->settings();
  const int width_px = GST_VIDEO_FRAME_WIDTH(frame);
  const int height_px = GST_VIDEO_FRAME_HEIGHT(frame);
  const int font_px = settings.font_size > 0 ? settings.font_size
                                             : std::max(kLeastFontPx, height_px / kFontsInPicture);
  GstVideoOverlayComposition* composition = gst_video_overlay_composition_new(nullptr);
  if (settings.show_heat && activity_) {
    if (const Rectangle hot = heat(width_px, height_px))
      gst_video_overlay_composition_add_rectangle(composition, hot.get());
  }
  if (settings.show_scale && decided_) {
    draw_label(font_px);
    gst_video_overlay_composition_add_rectangle(composition, label_rectangle_.get());
  }
  draw_answer(settings.text, width_px, height_px, font_px);
  if (answer_rectangle_)
    gst_video_overlay_composition_add_rectangle(composition, answer_rectangle_.get());
  if (gst_video_overlay_composition_n_rectangles(composition) > 0)
    gst_video_overlay_composition_blend(composition, frame);
  gst_video_overlay_composition_unref(composition);
}

}  // namespace m3
