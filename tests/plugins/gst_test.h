// What the tests of elements share: a GStreamer that sees only our plugin and a few stock ones,
// pictures, pipelines and their messages. Threads: test thread, except where said.
#pragma once

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/gstm3meta.h"
#include "tests/support/patience.h"

namespace m3::test {

struct Unref {
  void operator()(GstElement* element) const { gst_object_unref(element); }
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
  void operator()(GstMessage* message) const { gst_message_unref(message); }
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
  void operator()(GstEvent* event) const { gst_event_unref(event); }
  void operator()(GstHarness* harness) const { gst_harness_teardown(harness); }
  void operator()(GstStructure* structure) const { gst_structure_free(structure); }
};
using ElementPtr = std::unique_ptr<GstElement, Unref>;
using BufferPtr = std::unique_ptr<GstBuffer, Unref>;
using MessagePtr = std::unique_ptr<GstMessage, Unref>;
using CapsPtr = std::unique_ptr<GstCaps, Unref>;
using EventPtr = std::unique_ptr<GstEvent, Unref>;
using HarnessPtr = std::unique_ptr<GstHarness, Unref>;
using StructurePtr = std::unique_ptr<GstStructure, Unref>;

inline constexpr GstClockTime kFrame = 40 * GST_MSECOND;  // 25 frames a second
inline constexpr char kVideo[] = "video/x-raw, format=I420, width=64, height=48, framerate=25/1";

// Longer than any of our waits; reached only by a failure.
inline const std::chrono::seconds kPatience{30 * patience()};
inline const GstClockTime kWait = std::chrono::nanoseconds(kPatience).count();  // for GStreamer
// A picture whose luma is `luma` everywhere, number `index` of a stream with 25 frames a second.
// caps: raw video.
BufferPtr picture(const std::string& caps, int index, uint8_t luma = 100);

// Our metas, found by name as any program would; nullptr: the buffer has none.
const GstM3ActivityMeta* activity_in(GstBuffer* buffer);
const GstM3ScaleMeta* decision_in(GstBuffer* buffer);
void set_decision(GstBuffer* buffer, const Decision& decision);

// A harness of one element ("m3encode model=fake:") or of a line of them, playing a stream that is
// not live.
HarnessPtr harness(const std::string& launch);

// An element of a harness, with a bus of its own to see what it posts.
class Bus {
 public:
  explicit Bus(GstElement* element);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // The next message that is one of `types`; nullptr after `limit`.
  MessagePtr next(GstMessageType types, std::chrono::milliseconds limit = kPatience);
  // The next element message with this name.
  MessagePtr next(const std::string& name, std::chrono::milliseconds limit = kPatience);
  // All that is there now.
  std::vector<MessagePtr> rest();

 private:
  GstElement* element_;
  GstBus* bus_;
};

std::string name_of(const MessagePtr& message);  // of its structure; empty: none
std::string text_of(const MessagePtr& message, const char* field);
int number_of(const MessagePtr& message, const char* field);
std::optional<double> seconds_of(const MessagePtr& message, const char* field);  // none: not there
std::string error_of(const MessagePtr& message);  // of an error or warning message

// What a pipeline said until its EOS, its first error, or kPatience.
struct Played {
  std::vector<MessagePtr> messages;
  bool eos = false;
  StructurePtr stats;  // of the element called "qa" or "llm", read before the end

  std::vector<std::string> errors() const;
  std::vector<const GstStructure*> named(const char* name) const;
  std::vector<std::string> texts() const;  // of the answers
};
Played play(const std::string& launch);

ElementPtr pipeline(const std::string& launch);

// Waits until `done`, looking every millisecond; false after kPatience.
bool eventually(const std::function<bool()>& done);

}  // namespace m3::test
