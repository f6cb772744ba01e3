// Avdec: what m3avdec does, without GObject. Encoded frames of a GstVideoDecoder go through FFmpeg
// and come back as buffers that carry what the codec told about them. Threads: said with each group
// of functions.
#pragma once

#include <gst/video/gstvideodecoder.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "plugins/avdec/av_hardware.h"
#include "plugins/avdec/av_ptr.h"

namespace m3 {

// Values of the property `motion-vectors`.
enum class VectorExport { kAuto, kOn, kOff };

struct AvdecSettings {
  int max_threads = 0;  // 0: as many as there are cores, at most 16
  VectorExport motion_vectors = VectorExport::kAuto;
  Hardware hwaccel = Hardware::kNone;
};

// Counted from start to stop.
struct AvdecStats {
  uint64_t packets = 0;  // given to the decoder
  uint64_t packet_bytes = 0;
  uint64_t frames = 0;         // pushed on, or clipped to the segment
  uint64_t vector_frames = 0;  // of those, with motion vectors
  uint64_t corrupted = 0;      // of those, with concealed holes
  uint64_t errors = 0;         // times that the decoder told of something broken
  uint64_t unshown =
      0;  // packets that were no picture of their own: a second field, a hidden frame, broken
  uint64_t skipped = 0;  // packets left out because frames came too late
  std::string codec;     // FFmpeg's name, empty: no caps yet
  std::string hwaccel;   // FFmpeg's name of the device that decodes, empty: none
  int threads = 0;
};

class Avdec {
 public:
  explicit Avdec(GstVideoDecoder* base);  // borrowed
  ~Avdec();
  Avdec(const Avdec&) = delete;
  Avdec& operator=(const Avdec&) = delete;

  // Any thread.
  AvdecSettings settings() const;
  void set_settings(const AvdecSettings& settings);
  AvdecStats stats() const;

  // State changes.
  void start();
  void stop();

  // Streaming thread, with the base class's stream lock. All may throw Error.
  void set_format(GstVideoCodecState* format);
  GstFlowReturn decode(GstVideoCodecFrame* frame);  // takes it
  GstFlowReturn drain();
  void flush();
  // After the base class has made a pool of it.
  void decide_allocation(GstQuery* query);

 private:
  struct State;

  void open(AvPtr<AVCodecParameters> parameters);
  GstFlowReturn show_pictures();
  GstFlowReturn show(AvPtr<AVFrame> picture);
  void check_hardware(const AVFrame& picture);
  void update_latency();
  GstFlowReturn report_broken();
  // Packets that will never be shown, now that `shown` is; none: any packet.
  void release_unshown(std::optional<int64_t> shown);
  void report_skipped(const GstVideoCodecFrame& frame);

  GstVideoDecoder* const base_;

  mutable std::mutex mutex_;
  AvdecSettings settings_;  // guarded by mutex_
  AvdecStats stats_;        // guarded by mutex_

  std::unique_ptr<State> state_;  // streaming thread only; lives from start to stop
};

}  // namespace m3
