#include "tests/plugins/gst_test.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace m3::test {

BufferPtr picture(const std::string& caps, int index, uint8_t luma) {
  const CapsPtr parsed(gst_caps_from_string(caps.c_str()));
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, parsed.get())) ADD_FAILURE() << caps;
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  gst_buffer_memset(buffer.get(), 0,
                    GST_VIDEO_INFO_FORMAT(&info) == GST_VIDEO_FORMAT_RGB ? luma : 128, info.size);
  if (GST_VIDEO_INFO_FORMAT(&info) != GST_VIDEO_FORMAT_RGB) {
    gst_buffer_memset(buffer.get(), 0, luma, info.offset[1]);
  }
  GST_BUFFER_PTS(buffer.get()) = static_cast<GstClockTime>(index) * kFrame;
  GST_BUFFER_DURATION(buffer.get()) = kFrame;
  return buffer;
}

const GstM3ActivityMeta* activity_in(GstBuffer* buffer) {
  return reinterpret_cast<GstM3ActivityMeta*>(
      gst_buffer_get_meta(buffer, gst_meta_get_info("GstM3ActivityMeta")->api));
}

const GstM3ScaleMeta* decision_in(GstBuffer* buffer) {
  return reinterpret_cast<GstM3ScaleMeta*>(
      gst_buffer_get_meta(buffer, gst_meta_get_info("GstM3ScaleMeta")->api));
}

void set_decision(GstBuffer* buffer, const Decision& decision) {
  GstMeta* meta = gst_buffer_add_meta(buffer, gst_meta_get_info("GstM3ScaleMeta"), nullptr);
  reinterpret_cast<GstM3ScaleMeta*>(meta)->decision = decision;
}

HarnessPtr harness(const std::string& launch) {
  HarnessPtr harness;
  if (launch.find('!') != std::string::npos) {
    harness.reset(gst_harness_new_parse(launch.c_str()));
  } else {
    GError* error = nullptr;
    GstElement* made = gst_parse_launch(launch.c_str(), &error);
    if (!made) ADD_FAILURE() << launch << ": " << error->message;
    g_clear_error(&error);
    gst_object_ref_sink(made);
    harness.reset(gst_harness_new_with_element(made, "sink", "src"));
    gst_object_unref(made);
  }
  gst_harness_set_live(harness.get(), FALSE);
  return harness;
}

Bus::Bus(GstElement* element) : element_(element), bus_(gst_bus_new()) {
  gst_element_set_bus(element, bus_);
}

Bus::~Bus() {
  gst_element_set_bus(element_, nullptr);
  gst_object_unref(bus_);
}

MessagePtr Bus::next(GstMessageType types, std::chrono::milliseconds limit) {
  return MessagePtr(gst_bus_timed_pop_filtered(
      bus_, static_cast<GstClockTime>(limit.count()) * GST_MSECOND, types));
}

MessagePtr Bus::next(const std::string& name, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return nullptr;
    MessagePtr message = next(GST_MESSAGE_ELEMENT, left);
    if (!message || name_of(message) == name) return message;
  }
}

std::vector<MessagePtr> Bus::rest() {
  std::vector<MessagePtr> messages;
  while (GstMessage* message = gst_bus_pop(bus_)) messages.emplace_back(message);
  return messages;
}

std::string name_of(const MessagePtr& message) {
  const GstStructure* structure = gst_message_get_structure(message.get());
  return structure ? gst_structure_get_name(structure) : "";
}

std::string text_of(const MessagePtr& message, const char* field) {
  const gchar* text = gst_structure_get_string(gst_message_get_structure(message.get()), field);
  return text ? text : "";
}

int number_of(const MessagePtr& message, const char* field) {
  gint number = -1;
  gst_structure_get_int(gst_message_get_structure(message.get()), field, &number);
  return number;
}

std::optional<double> seconds_of(const MessagePtr& message, const char* field) {
  gdouble seconds = 0;
  if (!gst_structure_get_double(gst_message_get_structure(message.get()), field, &seconds)) {
    return std::nullopt;
  }
  return seconds;
}

std::string error_of(const MessagePtr& message) {
  GError* error = nullptr;
  if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(message.get(), &error, nullptr);
  } else {
    gst_message_parse_warning(message.get(), &error, nullptr);
  }
  std::string text = error ? error->message : "";
  g_clear_error(&error);
  return text;
}

std::vector<std::string> Played::errors() const {
  std::vector<std::string> texts;
  for (const MessagePtr& message : messages) {
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_ERROR) texts.push_back(error_of(message));
  }
  return texts;
}

std::vector<const GstStructure*> Played::named(const char* name) const {
  std::vector<const GstStructure*> found;
  for (const MessagePtr& message : messages) {
    const GstStructure* structure = gst_message_get_structure(message.get());
    if (structure && gst_structure_has_name(structure, name)) found.push_back(structure);
  }
  return found;
}

std::vector<std::string> Played::texts() const {
  std::vector<std::string> texts;
  for (const GstStructure* answer : named("m3-answer")) {
    texts.emplace_back(gst_structure_get_string(answer, "text"));
  }
  return texts;
}

ElementPtr pipeline(const std::string& launch) {
  GError* error = nullptr;
  GstElement* element =
      gst_parse_launch_full(launch.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!element) ADD_FAILURE() << launch << ": " << error->message;
  g_clear_error(&error);
  return ElementPtr(element);
}

Played play(const std::string& launch) {
  Played run;
  const ElementPtr line = pipeline(launch);
  if (!line) return run;
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  bool ended = false;
  while (!ended && std::chrono::steady_clock::now() < until) {
    MessagePtr message(gst_bus_timed_pop(bus, 100 * GST_MSECOND));
    if (!message) continue;
    const GstMessageType type = GST_MESSAGE_TYPE(message.get());
    run.eos |= type == GST_MESSAGE_EOS;
    ended = type == GST_MESSAGE_EOS || type == GST_MESSAGE_ERROR;
    run.messages.push_back(std::move(message));
  }
  EXPECT_TRUE(ended) << "no end: " << launch;
  for (const char* name : {"qa", "llm"}) {
    GstElement* element = gst_bin_get_by_name(GST_BIN(line.get()), name);
    if (!element) continue;
    if (!run.stats) {
      GstStructure* stats = nullptr;
      g_object_get(element, "stats", &stats, nullptr);
      run.stats.reset(stats);
    }
    gst_object_unref(element);
  }
  gst_element_set_state(line.get(), GST_STATE_NULL);
  gst_object_unref(bus);
  return run;
}

bool eventually(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace m3::test
