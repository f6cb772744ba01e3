// Overlay: what m3overlay draws, without GObject. Keeps what was last decided and answered, and
// turns it into pieces that GStreamer lays over a picture of any format. Threads: said with each
// group of functions.
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/scale_policy.h"

namespace m3 {

struct OverlaySettings {
  std::string text;        // the answer that is shown, UTF-8; empty: none
  bool show_scale = true;  // scale, reason, motion and complexity
  bool show_heat = true;   // where something moves
  int font_size = 0;       // pixels, 4..400; 0: a 26th of the picture's height
};

class Overlay {
 public:
  // Any thread.
  OverlaySettings settings() const;
  template <typename Change>
  void change_settings(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(settings_);
  }

  // Streaming thread. `frame` is mapped for reading and writing; its buffer's metas tell the rest.
  void draw(GstVideoFrame* frame);
  void forget();  // a new stream

 private:
  struct RectangleUnref {
    void operator()(GstVideoOverlayRectangle* it) const { gst_video_overlay_rectangle_unref(it); }
  };
  using Rectangle = std::unique_ptr<GstVideoOverlayRectangle, RectangleUnref>;
  // What is drawn stays while this does.
  struct Label {
    Decision decision;  // what was last looked at
    int shown = 0;      // scale of the frame last encoded, 0: none yet
    int motion = 0;     // hundredths
    int complexity = 0;
    int font_px = 0;

    bool operator==(const Label&) const = default;
  };

  void take_metas(GstBuffer* buffer);
  void draw_label(int font_px);
  void draw_answer(const std::string& text, int width_px, int height_px, int font_px);
  Rectangle heat(int width_px, int height_px) const;

  mutable std::mutex mutex_;
  OverlaySettings settings_;  // guarded by mutex_

  // Streaming thread only.
  bool decided_ = false;  // a frame was looked at
  Label label_, drawn_label_;
  std::optional<Activity> activity_;  // of this frame
  Rectangle label_rectangle_, answer_rectangle_;
  std::string drawn_text_;
  int drawn_width_px_ = 0;  // of the picture that the answer was drawn for
  int drawn_height_px_ = 0;
  int drawn_font_px_ = 0;
};

}  // namespace m3
