#include "tests/plugins/avdec/packets.h"

#include <gst/app/gstappsink.h>
#include <gtest/gtest.h>

#include <utility>

namespace m3::test {

std::vector<Packet> packets_of(const Clip& clip, const std::string& head) {
  std::vector<Packet> packets;
  const ElementPtr line =
      pipeline("filesrc location=" + path_of(clip) + " ! " + (head.empty() ? clip.head : head) +
               " ! appsink name=sink sync=false");
  if (!line) return packets;
  const ElementPtr sink(gst_bin_get_by_name(GST_BIN(line.get()), "sink"));
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  while (GstSample* sample = gst_app_sink_pull_sample(GST_APP_SINK(sink.get()))) {
    packets.push_back({BufferPtr(gst_buffer_ref(gst_sample_get_buffer(sample))),
                       CapsPtr(gst_caps_ref(gst_sample_get_caps(sample)))});
    gst_sample_unref(sample);
  }
  gst_element_set_state(line.get(), GST_STATE_NULL);
  EXPECT_GT(packets.size(), 0U) << clip.name;
  return packets;
}

BufferPtr copy_of(const Packet& packet) {
  return BufferPtr(gst_buffer_copy_deep(packet.buffer.get()));
}

DecoderHarness::DecoderHarness(const std::string& properties)
    : harness_(harness("m3avdec " + properties)), bus_(harness_->element) {
  gst_harness_play(get());
}

void DecoderHarness::set_caps(const GstCaps* caps) {
  if (caps_ && gst_caps_is_equal(caps_.get(), caps)) return;
  caps_.reset(gst_caps_copy(caps));
  gst_harness_set_src_caps(get(), gst_caps_copy(caps));
}

GstFlowReturn DecoderHarness::push(BufferPtr buffer) {
  return gst_harness_push(get(), buffer.release());
}

GstFlowReturn DecoderHarness::push(const Packet& packet) {
  set_caps(packet.caps.get());
  return push(BufferPtr(gst_buffer_ref(packet.buffer.get())));
}

std::vector<BufferPtr> DecoderHarness::pull_all() {
  std::vector<BufferPtr> buffers;
  while (GstBuffer* buffer = gst_harness_try_pull(get())) buffers.emplace_back(buffer);
  return buffers;
}

uint64_t DecoderHarness::count(const char* field) const {
  GstStructure* stats = nullptr;
  g_object_get(harness_->element, "stats", &stats, nullptr);
  const StructurePtr owned(stats);
  guint64 value = UINT64_MAX;
  gst_structure_get_uint64(stats, field, &value);
  return value;
}

std::vector<std::string> DecoderHarness::texts(GstMessageType type) {
  std::vector<std::string> texts;
  for (const MessagePtr& message : bus_.rest()) {
    if (GST_MESSAGE_TYPE(message.get()) == type) texts.push_back(error_of(message));
  }
  return texts;
}

std::vector<GstClockTime> times_of(const std::vector<BufferPtr>& buffers) {
  std::vector<GstClockTime> times;
  times.reserve(buffers.size());
  for (const BufferPtr& buffer : buffers) times.push_back(GST_BUFFER_PTS(buffer.get()));
  return times;
}

}  // namespace m3::test
