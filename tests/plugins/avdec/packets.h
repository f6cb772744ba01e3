// Encoded frames of a clip as a parser hands them to a decoder, and a harness that decodes them one
// by one. Threads: test thread.
#pragma once

#include <string>
#include <vector>

#include "tests/plugins/avdec/clips.h"
#include "tests/plugins/gst_test.h"

namespace m3::test {

struct Packet {
  BufferPtr buffer;
  CapsPtr caps;
};

// All packets of a clip. head: elements after the file, the clip's own when empty.
std::vector<Packet> packets_of(const Clip& clip, const std::string& head = "");

// A copy with memory and times of its own, to be changed.
BufferPtr copy_of(const Packet& packet);

// m3avdec in a harness.
class DecoderHarness {
 public:
  explicit DecoderHarness(const std::string& properties = "");

  GstHarness* get() const { return harness_.get(); }
  Bus& bus() { return bus_; }
  void set_caps(const GstCaps* caps);  // only when they are new
  GstFlowReturn push(BufferPtr buffer);
  GstFlowReturn push(const Packet& packet);  // with its caps
  void end() { gst_harness_push_event(get(), gst_event_new_eos()); }
  std::vector<BufferPtr> pull_all();                    // what has come out by now
  uint64_t count(const char* field) const;              // of stats
  std::vector<std::string> texts(GstMessageType type);  // of the warnings or errors so far

 private:
  HarnessPtr harness_;
  Bus bus_;
  CapsPtr caps_;
};

std::vector<GstClockTime> times_of(const std::vector<BufferPtr>& buffers);

}  // namespace m3::test
