// How an m3llm follows its stream: flushes, other streams, segments, frames that come too fast.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/plugins/llm_line.h"

namespace m3::test {
namespace {

using std::chrono::milliseconds;

TEST(Llm, AFlushAbortsAnswersAndForgetsTheStream) {
  Line line("question=What?", "fake:delay_ms=50,tokens=1000");
  line.push(10, 15);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 5; }));
  const std::string id = line.ask("Long?");
  ASSERT_TRUE(line.bus().next("m3-answer-piece"));
  const auto began = std::chrono::steady_clock::now();
  gst_harness_push_event(line.h(), gst_event_new_flush_start());
  EXPECT_LT(std::chrono::steady_clock::now() - began, within(1000));
  const MessagePtr aborted = line.answer();
  EXPECT_EQ(text_of(aborted, "id"), id);
  EXPECT_EQ(text_of(aborted, "finish"), "cancelled");
  gst_harness_push_event(line.h(), gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(line.h(), gst_event_new_segment(&segment));
  line.push(100, 102);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 7; }));
  line.cancel(line.ask("After?"));
  const MessagePtr answer = line.answer();
  ASSERT_TRUE(answer);
  EXPECT_DOUBLE_EQ(*seconds_of(answer, "asked_at"), 4.04);
  EXPECT_FALSE(seconds_of(answer, "from") && *seconds_of(answer, "from") < 4);
}

TEST(Llm, ForgetsOneStreamWhenAnotherBegins) {
  Line line("question=What?");
  line.push(0, 5);
  gst_harness_push_event(line.h(), gst_event_new_stream_start("another"));
  gst_harness_push_event(line.h(), gst_event_new_caps(CapsPtr(gst_caps_from_string(kVideo)).get()));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(line.h(), gst_event_new_segment(&segment));
  line.push(0, 2);
  line.end();
  ASSERT_TRUE(line.wait_for_eos());
  EXPECT_EQ(number_of(line.answer(), "frames"), 5);
  EXPECT_EQ(number_of(line.answer(), "frames"), 2);
  EXPECT_EQ(line.count("frames"), 2U);
}

TEST(Llm, ForgetsTheWindowWhenASegmentGoesBack) {
  Line line("");
  line.push(10, 15);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 5; }));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(line.h(), gst_event_new_segment(&segment));
  line.push(0, 2);
  ASSERT_TRUE(eventually([&] { return line.count("frames") == 7; }));
  line.ask("What?");
  const MessagePtr answer = line.answer();
  EXPECT_EQ(number_of(answer, "frames"), 2);
  EXPECT_EQ(seconds_of(answer, "from"), 0);
}
TEST(Llm, DropsFramesThatALiveStreamCannotWaitForAndCountsThem) {
  const HarnessPtr encode = harness("m3encode model=fake:append_ms=100");
  gst_harness_set_src_caps_str(encode.get(), kVideo);
  std::vector<BufferPtr> tokens;
  for (int i = 0; i < 20; ++i) {
    gst_harness_push(encode.get(), picture(kVideo, i).release());
    tokens.emplace_back(gst_harness_pull(encode.get()));
  }
  const HarnessPtr h = harness("m3llm when-busy=drop");
  Bus bus(h->element);
  gst_harness_set_src_caps(h.get(), gst_pad_get_current_caps(encode->sinkpad));
  std::vector<double> loads;  // as m3scale is told
  for (BufferPtr& buffer : tokens) {
    EXPECT_EQ(gst_harness_push(h.get(), buffer.release()), GST_FLOW_OK);
    while (gst_harness_upstream_events_in_queue(h.get()) > 0) {
      const EventPtr event(gst_harness_pull_upstream_event(h.get()));
      gdouble load = 0;
      if (gst_event_has_name(event.get(), "m3-load") &&
          gst_structure_get_double(gst_event_get_structure(event.get()), "load", &load)) {
        loads.push_back(load);
      }
    }
  }
  ASSERT_GE(loads.size(), 3U) << "told in steps, before anything is lost";
  EXPECT_GT(loads.front(), 0);
  EXPECT_LT(loads.front(), 1);
  EXPECT_TRUE(std::is_sorted(loads.begin(), loads.end()));
  EXPECT_EQ(loads.back(), 1);
  GstStructure* structure = nullptr;
  g_object_get(h->element, "stats", &structure, nullptr);
  const StructurePtr stats(structure);
  const auto count = [&](const char* field) {
    guint64 value = 0;
    gst_structure_get_uint64(stats.get(), field, &value);
    return value;
  };
  EXPECT_EQ(count("frames"), 20U);
  EXPECT_GE(count("frames_encoded"), 8U);  // as many as the inbox holds
  EXPECT_GT(count("frames_dropped"), 0U);
  EXPECT_EQ(count("frames_encoded") + count("frames_dropped"), 20U);
  EXPECT_EQ(count("visual_tokens"), 144 * count("frames_encoded"));
  guint64 told = 0;
  for (const MessagePtr& message : bus.rest()) {
    told += GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_QOS;
  }
  EXPECT_EQ(told, count("frames_dropped"));
}

}  // namespace
}  // namespace m3::test
