#include <gtest/gtest.h>

#include <thread>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

using std::chrono::milliseconds;

HarnessPtr encode_harness(const std::string& properties) {
  HarnessPtr h = harness("m3encode " + properties);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  return h;
}

TEST(Encode, GivesOneBufferAFrameInEachFormat) {
  for (const char* format : {"I420", "NV12", "RGB"}) {
    const std::string caps =
        std::string("video/x-raw, width=33, height=17, framerate=25/1, format=") + format;
    const HarnessPtr h = harness("m3encode model=fake:");
    gst_harness_set_src_caps_str(h.get(), caps.c_str());
    for (int i = 0; i < 3; ++i) gst_harness_push(h.get(), picture(caps, i).release());
    for (int i = 0; i < 3; ++i) {
      const BufferPtr out(gst_harness_pull(h.get()));
      EXPECT_EQ(GST_BUFFER_PTS(out.get()), static_cast<GstClockTime>(i) * kFrame) << format;
      EXPECT_EQ(GST_BUFFER_DURATION(out.get()), kFrame);
      EXPECT_EQ(gst_buffer_get_size(out.get()), 144U * 8 * sizeof(float));
    }
  }
}

TEST(Encode, GivesAnEmptyGapWithItsMetasForAFrameThatIsNotWanted) {
  const HarnessPtr h = encode_harness("model=fake:");
  BufferPtr in = picture(kVideo, 5);
  set_decision(in.get(), {Action::kReuse, 0, Reason::kStatic});
  gst_harness_push(h.get(), in.release());
  const BufferPtr out(gst_harness_pull(h.get()));
  EXPECT_EQ(gst_buffer_get_size(out.get()), 0U);
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_GAP));
  EXPECT_EQ(GST_BUFFER_PTS(out.get()), 5 * kFrame);
  EXPECT_EQ(decision_in(out.get())->decision.reason, Reason::kStatic);
}

TEST(Encode, KeepsNothingOfThePicture) {
  const HarnessPtr h = encode_harness("model=fake:");
  BufferPtr in = picture(kVideo, 0);
  const BufferPtr parent = picture(kVideo, 1);
  gst_buffer_add_parent_buffer_meta(in.get(), parent.get());
  GstBuffer* watched = in.release();
  bool gone = false;
  gst_mini_object_weak_ref(
      GST_MINI_OBJECT(watched),
      [](gpointer gone, GstMiniObject*) { *static_cast<bool*>(gone) = true; }, &gone);
  gst_harness_push(h.get(), watched);
  EXPECT_TRUE(gone);
  const BufferPtr out(gst_harness_pull(h.get()));
  EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(parent.get()), 1);
}

TEST(Encode, NumbersFramesThatHaveNoTime) {
  const HarnessPtr h = encode_harness("model=fake:");
  for (int i = 0; i < 3; ++i) {
    BufferPtr in = picture(kVideo, 0);
    GST_BUFFER_PTS(in.get()) = GST_CLOCK_TIME_NONE;
    gst_harness_push(h.get(), in.release());
  }
  for (int i = 0; i < 3; ++i) {
    const BufferPtr out(gst_harness_pull(h.get()));
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), static_cast<GstClockTime>(i) * kFrame);
  }
}

TEST(Encode, SendsStreamStartCapsSegmentAndOnlyThenTokensAndTheEndLast) {
  const HarnessPtr h = encode_harness("model=fake:encode_ms=20");
  for (int i = 0; i < 3; ++i) gst_harness_push(h.get(), picture(kVideo, i).release());
  gst_harness_push_event(h.get(), gst_event_new_eos());
  std::vector<GstEventType> order;
  while (order.empty() || order.back() != GST_EVENT_EOS) {
    const EventPtr event(gst_harness_pull_event(h.get()));
    ASSERT_TRUE(event);
    order.push_back(GST_EVENT_TYPE(event.get()));
  }
  EXPECT_EQ(order, (std::vector{GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT,
                                GST_EVENT_EOS}));
  EXPECT_EQ(gst_harness_buffers_in_queue(h.get()), 3U);
}

TEST(Encode, FollowsAStreamThatChangesItsSize) {
  const HarnessPtr h = harness("m3encode model=fake:");
  int index = 0;
  for (const char* caps : {"video/x-raw, format=I420, width=64, height=48, framerate=25/1",
                           "video/x-raw, format=RGB, width=35, height=21, framerate=5/1"}) {
    gst_harness_set_src_caps_str(h.get(), caps);
    gst_harness_push(h.get(), picture(caps, index++).release());
    const BufferPtr out(gst_harness_pull(h.get()));
    EXPECT_EQ(gst_buffer_get_size(out.get()), 144U * 8 * sizeof(float)) << caps;
  }
}

TEST(Encode, WaitsForTheEngineWhenAskedTo) {
  const HarnessPtr h = encode_harness("model=fake:encode_ms=20 when-busy=wait");
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(gst_harness_push(h.get(), picture(kVideo, i).release()), GST_FLOW_OK);
  }
  for (int i = 0; i < 12; ++i) {
    const BufferPtr out(gst_harness_pull(h.get()));
    EXPECT_EQ(gst_buffer_n_memory(out.get()), 1U);
  }
}

TEST(Encode, DropsWhatALiveStreamCannotWaitForAndSaysSo) {
  const HarnessPtr h = harness("m3encode model=fake:encode_ms=200");
  gst_harness_set_live(h.get(), TRUE);
  Bus bus(h->element);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  int encoded = 0;
  guint64 busy = 0;
  const auto pull = [&] {
    const BufferPtr out(gst_harness_pull(h.get()));
    if (gst_buffer_n_memory(out.get()) > 0) {
      ++encoded;
    } else {
      EXPECT_EQ(decision_in(out.get())->decision.reason, Reason::kBusy);
      ++busy;
    }
  };
  int index = 0;
  // A live stream does not wait for the model to load either.
  while (encoded == 0) {
    gst_harness_push(h.get(), picture(kVideo, index++).release());
    pull();
  }
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 12; ++i) gst_harness_push(h.get(), picture(kVideo, index++).release());
  EXPECT_LT(std::chrono::steady_clock::now() - began, within(12 * 200));
  for (int i = 0; i < 12; ++i) pull();
  // Four may be with the engine, of which one may just be leaving.
  EXPECT_GE(encoded, 1 + 3);
  EXPECT_EQ(encoded + static_cast<int>(busy), index);
  guint64 told = 0;
  guint64 dropped = 0;
  for (const MessagePtr& message : bus.rest()) {
    if (GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_QOS) continue;
    ++told;
    gst_message_parse_qos_stats(message.get(), nullptr, nullptr, &dropped);
  }
  EXPECT_EQ(told, busy);
  EXPECT_EQ(dropped, busy);
}

TEST(Encode, TellsUpstreamHowBusyItIsWhenItDrops) {
  const HarnessPtr h = encode_harness("model=fake:encode_ms=200 when-busy=drop");
  for (int i = 0; i < 8; ++i) gst_harness_push(h.get(), picture(kVideo, i).release());
  double most = 0;
  while (gst_harness_upstream_events_in_queue(h.get()) > 0) {
    const EventPtr event(gst_harness_pull_upstream_event(h.get()));
    gdouble load = 0;
    if (gst_event_has_name(event.get(), "m3-load") &&
        gst_structure_get_double(gst_event_get_structure(event.get()), "load", &load)) {
      most = std::max(most, load);
    }
  }
  EXPECT_EQ(most, 1);
}

TEST(Encode, AFlushUnblocksAWaitingChainAndForgetsWhatWasInside) {
  const HarnessPtr h = encode_harness("model=fake:encode_ms=10000 when-busy=wait");
  std::thread pusher([&] {
    GstFlowReturn flow = GST_FLOW_OK;
    for (int i = 0; i < 20 && flow == GST_FLOW_OK; ++i) {
      flow = gst_harness_push(h.get(), picture(kVideo, i).release());
    }
    EXPECT_EQ(flow, GST_FLOW_FLUSHING);
  });
  std::this_thread::sleep_for(milliseconds(100));
  const auto began = std::chrono::steady_clock::now();
  gst_harness_push_event(h.get(), gst_event_new_flush_start());
  pusher.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, within(1000));
  gst_harness_push_event(h.get(), gst_event_new_flush_stop(TRUE));
  EXPECT_EQ(gst_harness_buffers_in_queue(h.get()), 0U);
}

TEST(Encode, SendsBehindAFlushWhatDescribesTheStream) {
  // All of it still waits for the model when the flush comes, and upstream says it once only.
  const HarnessPtr h = encode_harness("model=fake:load_ms=300 when-busy=wait");
  gst_harness_push_event(h.get(), gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "x", nullptr)));
  gst_harness_push_event(h.get(), gst_event_new_flush_start());
  gst_harness_push_event(h.get(), gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(h.get(), gst_event_new_segment(&segment));
  gst_harness_push(h.get(), picture(kVideo, 0).release());
  const BufferPtr out(gst_harness_pull(h.get()));
  ASSERT_TRUE(out);
  std::vector<GstEventType> order;
  while (const EventPtr event{gst_harness_try_pull_event(h.get())}) {
    const GstEventType type = GST_EVENT_TYPE(event.get());
    if (type != GST_EVENT_FLUSH_START && type != GST_EVENT_FLUSH_STOP) order.push_back(type);
  }
  EXPECT_EQ(order, (std::vector{GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_TAG,
                                GST_EVENT_SEGMENT}));
}

TEST(Encode, AddsNoLatency) {
  const HarnessPtr h = encode_harness("model=fake:");
  gst_harness_set_live(h.get(), TRUE);
  gst_harness_set_upstream_latency(h.get(), 7 * GST_MSECOND);
  EXPECT_EQ(gst_harness_query_latency(h.get()), 7 * GST_MSECOND);
}

TEST(Encode, TakesAnyLayoutOfPlanesAndCrops) {
  const HarnessPtr h = encode_harness("model=fake:");
  const CapsPtr caps(gst_caps_from_string(kVideo));
  GstQuery* query = gst_query_new_allocation(caps.get(), TRUE);
  EXPECT_TRUE(gst_pad_peer_query(h->srcpad, query));
  EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
  EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, nullptr));
  EXPECT_EQ(gst_query_get_n_allocation_pools(query), 0U);
  gst_query_unref(query);
}

TEST(Encode, ReportsHowTheLoadGoesAndEndsItOnTheWayDown) {
  const ElementPtr element(
      GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make("m3encode", nullptr))));
  Bus bus(element.get());
  g_object_set(element.get(), "model", "fake:load_ms=60000", nullptr);
  EXPECT_EQ(gst_element_set_state(element.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
  const auto type_of_next = [&] {
    const MessagePtr message = bus.next(GST_MESSAGE_PROGRESS);
    GstProgressType type = GST_PROGRESS_TYPE_ERROR;
    if (message) gst_message_parse_progress(message.get(), &type, nullptr, nullptr);
    return type;
  };
  EXPECT_EQ(type_of_next(), GST_PROGRESS_TYPE_START);
  EXPECT_EQ(type_of_next(), GST_PROGRESS_TYPE_CONTINUE);
  const auto began = std::chrono::steady_clock::now();
  gst_element_set_state(element.get(), GST_STATE_NULL);
  EXPECT_LT(std::chrono::steady_clock::now() - began, within(1000));
  EXPECT_EQ(type_of_next(), GST_PROGRESS_TYPE_CANCELED);
  for (const MessagePtr& message : bus.rest()) {
    EXPECT_NE(GST_MESSAGE_TYPE(message.get()), GST_MESSAGE_ERROR);
  }
}

// What each of these settings is refused with.
struct Refused {
  const char* properties;
  const char* error;
};

TEST(Encode, RefusesWhatItCannotLoadWithOneError) {
  for (const Refused& refused : std::initializer_list<Refused>{
           {"model=fake:fail=load", "fail=load"},
           {"model=fake:nonsense=1", "nonsense"},
           {"model=fake: keep-scale=7", "keep-scale=7 is not on the ladder"},
           {"model=fake: device=cuda:0", "cuda:0"},
           {"model=fake: dtype=int3", "int3"},
           {"model=fake: mmproj=p.gguf", "mmproj=p.gguf cannot be used"}}) {
    GstElement* made =
        gst_parse_launch((std::string("m3encode ") + refused.properties).c_str(), nullptr);
    const ElementPtr element(GST_ELEMENT(gst_object_ref_sink(made)));
    Bus bus(element.get());
    gst_element_set_state(element.get(), GST_STATE_PAUSED);
    const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
    ASSERT_TRUE(error) << refused.properties;
    EXPECT_NE(error_of(error).find(refused.error), std::string::npos) << error_of(error);
    EXPECT_EQ(gst_element_set_state(element.get(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    EXPECT_FALSE(bus.next(GST_MESSAGE_ERROR, milliseconds(0))) << refused.properties;
  }
}

TEST(Encode, FailsTheStreamWhenTheTowerFails) {
  const HarnessPtr h = encode_harness("model=fake:fail=encode");
  Bus bus(h->element);
  EXPECT_TRUE(eventually(
      [&] { return gst_harness_push(h.get(), picture(kVideo, 0).release()) == GST_FLOW_ERROR; }));
  EXPECT_TRUE(bus.next(GST_MESSAGE_ERROR));
  EXPECT_FALSE(bus.next(GST_MESSAGE_ERROR, milliseconds(0)));
}

TEST(Encode, TakesAnotherModelBehindReady) {
  const HarnessPtr h = encode_harness("model=fake:grid=6");
  gst_harness_push(h.get(), picture(kVideo, 0).release());
  EXPECT_EQ(gst_buffer_get_size(BufferPtr(gst_harness_pull(h.get())).get()),
            36U * 8 * sizeof(float));
  gst_element_set_state(h->element, GST_STATE_READY);
  g_object_set(h->element, "model", "fake:grid=3", nullptr);
  gst_element_set_state(h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  gst_harness_push(h.get(), picture(kVideo, 0).release());
  EXPECT_EQ(gst_buffer_get_size(BufferPtr(gst_harness_pull(h.get())).get()),
            9U * 8 * sizeof(float));
}

}  // namespace
}  // namespace m3::test
