// Encoder: what m3encode does, without GObject. Frames in, an outbox of token buffers out, the
// engine in between. Threads: said with each group of functions. Nothing is pushed, posted or asked
// of the engine with a lock held.
#pragma once

#include <gst/video/video.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "core/engine.h"
#include "core/scale_policy.h"
#include "plugins/engine_loader.h"
#include "plugins/frame_time.h"
#include "plugins/model_query.h"
#include "plugins/outbox.h"
#include "plugins/when_busy.h"

namespace m3 {

struct EncodeSettings {
  EngineOptions engine;
  std::string mmproj;    // projector file of a language model in a .gguf, empty: none
  int keep_scale = 144;  // finest level kept of a frame, a scale of the ladder; larger: the
                         // finest; the default: the finest up to it
  GstM3WhenBusy when_busy = GST_M3_WHEN_BUSY_AUTO;
};

class Encoder {
 public:
  Encoder(GstElement* element, GstPad* sink, GstPad* src);  // borrowed

  // Any thread.
  EncodeSettings settings() const;
  // Two threads may change two properties at once: neither is lost.
  template <typename Change>
  void change_settings(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(settings_);
  }

  // State changes. load() may throw Error; the load itself goes on behind it and posts what goes
  // wrong.
  void load();
  void unload() { loader_.stop(); }
  bool start();  // false: the load has failed already, and said why
  void stop() { state_.reset(); }
  bool activate(bool active) { return outbox_.activate(active); }

  // Streaming thread of the sink pad. process() and take_event() may throw Error.
  GstFlowReturn process(GstBuffer* buffer);
  bool take_event(GstEvent* event);  // takes it
  // Waits for the model unless frames are dropped meanwhile. None: there is no model to tell about.
  std::optional<LadderAnswer> ladder();

 private:
  struct State {  // sink's streaming thread only; lives from start to stop
    std::optional<GstVideoInfo> info;
    FrameTime time;
    uint64_t processed = 0;
    uint64_t dropped = 0;
    double told_load = 0;  // what m3scale was told last
  };

  void set_caps(GstEvent* event);
  void look_for_live();
  std::shared_ptr<Engine> wait_for_engine();
  Decision decision_of(GstBuffer* buffer, int64_t pts_ns) const;
  // GST_FLOW_OK with `encode` saying whether the engine has room for a frame; else the flow to
  // return. Waits only where nothing is dropped.
  GstFlowReturn make_room(bool* encode);
  // Of a live stream: so many buffers wait already that this frame is only counted.
  GstFlowReturn lose(GstBuffer* buffer, GstClockTime pts, const Decision& decision);
  void drop(GstBuffer* buffer, GstClockTime pts, const Decision& decision);
  void report_drop(GstBuffer* buffer, GstClockTime pts);
  void tell_load(double load);

  GstElement* const element_;
  GstPad* const sink_;
  GstPad* const src_;
  Outbox outbox_;
  EngineLoader loader_;
  std::atomic<bool> drops_{false};  // what when-busy comes to for this stream

  mutable std::mutex mutex_;
  EncodeSettings settings_;  // guarded by mutex_

  std::optional<State> state_;
};

}  // namespace m3
