// Line: a line of elements around an m3llm, for tests of it. Threads: one.
#pragma once

#include <string>

#include "tests/plugins/gst_test.h"

namespace m3::test {

// Frames of 40 ms through m3encode, m3pool and an m3llm called "llm".
class Line {
 public:
  explicit Line(const std::string& llm, const std::string& model = "fake:")
      : harness_(harness("m3encode model=" + model + " when-busy=wait ! m3pool ! m3llm name=llm " +
                         llm)),
        llm_(gst_harness_find_element(harness_.get(), "m3llm")),
        bus_(harness_->element) {
    gst_harness_set_src_caps_str(harness_.get(), kVideo);
  }
  ~Line() { gst_object_unref(llm_); }

  GstHarness* h() { return harness_.get(); }
  GstElement* llm() { return llm_; }
  Bus& bus() { return bus_; }

  void push(int from, int to) {
    for (int i = from; i < to; ++i) {
      EXPECT_EQ(gst_harness_push(h(), picture(kVideo, i).release()), GST_FLOW_OK) << i;
    }
  }
  void end() { gst_harness_push_event(h(), gst_event_new_eos()); }
  std::string ask(const char* text) {
    gchar* id = nullptr;
    g_signal_emit_by_name(llm_, "ask", text, &id);
    return take(id);
  }
  std::string ask_at(const char* text, GstClockTime at, GstClockTime every = 0) {
    gchar* id = nullptr;
    g_signal_emit_by_name(llm_, "ask-at", text, at, every, &id);
    return take(id);
  }
  bool cancel(const std::string& id) {
    gboolean done = FALSE;
    g_signal_emit_by_name(llm_, "cancel", id.c_str(), &done);
    return done;
  }
  MessagePtr answer() { return bus_.next("m3-answer"); }
  bool wait_for_eos() {
    for (;;) {
      const EventPtr event(gst_harness_pull_event(h()));
      if (!event) return false;
      if (GST_EVENT_TYPE(event.get()) == GST_EVENT_EOS) return true;
    }
  }
  guint64 count(const char* field) {
    GstStructure* stats = nullptr;
    g_object_get(llm_, "stats", &stats, nullptr);
    guint64 value = 0;
    EXPECT_TRUE(gst_structure_get_uint64(stats, field, &value)) << field;
    gst_structure_free(stats);
    return value;
  }

 private:
  static std::string take(gchar* id) {
    std::string text = id ? id : "";
    g_free(id);
    return text;
  }

  HarnessPtr harness_;
  GstElement* llm_;
  Bus bus_;
};

}  // namespace m3::test
